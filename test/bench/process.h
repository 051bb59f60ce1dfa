// Commands as the yardsticks run them: by posix_spawn(3), the cheapest way there is. Errors end the program.
#pragma once
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static inline double now_ms(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

// Runs a command with a file as its standard input; its first 4 KiB of output without the last newline.
static inline void run(char **argv, const char *input, char *out) {
	posix_spawn_file_actions_t actions;
	char buffer[4096];
	int fds[2], status, length = 0, got;
	pid_t pid;
	if (pipe2(fds, O_CLOEXEC)) exit(1);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	if (posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ)) exit(1);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	while ((got = read(fds[0], buffer + length, sizeof buffer - 1 - length)) > 0) length += got;
	close(fds[0]);
	if (waitpid(pid, &status, 0) != pid || status) {
		fprintf(stderr, "%s ended with status %d\n", argv[0], status);
		exit(1);
	}
	buffer[length > 0 ? length - 1 : 0] = 0;
	if (out) strcpy(out, buffer);
}
