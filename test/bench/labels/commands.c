// Runs the command lines on its standard input one after the other, and prints the milliseconds of the whole: the
// yardstick of what a container's labels need. Words are parted by spaces; with the argument `shell` each line is a
// shell's.
#define _GNU_SOURCE
#include "../process.h"

#define LINES 128
#define WORDS 64

int main(int argc, char **argv) {
	int shell = argc > 1 && strcmp(argv[1], "shell") == 0;
	static char text[LINES][1024];
	static char *words[LINES][WORDS + 1];
	int lines = 0;
	while (lines < LINES && fgets(text[lines], sizeof text[0], stdin)) {
		char *save;
		int count = 0;
		if (shell) {
			text[lines][strcspn(text[lines], "\n")] = 0;
			words[lines][0] = "sh";
			words[lines][1] = "-c";
			words[lines][2] = text[lines];
			lines++;
			continue;
		}
		for (char *word = strtok_r(text[lines], " \n", &save); word && count < WORDS; word = strtok_r(NULL, " \n", &save))
			words[lines][count++] = word;
		if (count > 0) lines++;
	}
	double start = now_ms();
	for (int n = 0; n < lines; n++) run(words[n], "/dev/null", NULL);
	printf("%.3f\n", now_ms() - start);
}
