// dockerd's end of the daemon's socket: one kept-alive connection, a call at a time, timed from the first byte sent
// to the last received. In C, because a client in JavaScript would be a part of what is measured.
// Usage: call SOCKET; reads lines "/NetworkDriver.Join {…}", answers each with a line "MILLISECONDS STATUS {…}".
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char HEAD[] = "POST %s HTTP/1.1\r\nHost: dwgd.sock\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: %zu\r\n"
                           "Accept: application/vnd.docker.plugins.v1.2+json\r\nAccept-Encoding: gzip\r\n\r\n%s";

static double now_ms(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void fail(const char *what) {
	perror(what);
	exit(1);
}

// Whether the answer is complete; its body.
static char *body_of(char *answer) {
	char *end = strstr(answer, "\r\n\r\n"), *length = strcasestr(answer, "\r\ncontent-length:");
	if (!end || !length || length > end) return NULL;
	return strlen(end + 4) >= strtoul(length + 17, NULL, 10) ? end + 4 : NULL;
}

int main(int argc, char **argv) {
	static char line[65536], request[65536 + sizeof HEAD], answer[65536];
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strncpy(to.sun_path, argc > 1 ? argv[1] : "", sizeof to.sun_path - 1);
	if (connect(fd, (void *)&to, sizeof to)) fail("connect");
	while (fgets(line, sizeof line, stdin)) {
		char *body = strchr(line, ' '), *got = NULL;
		line[strcspn(line, "\n")] = 0;
		*body++ = 0;
		int length = snprintf(request, sizeof request, HEAD, line, strlen(body), body);
		size_t have = 0;
		double start = now_ms();
		if (write(fd, request, length) != length) fail("write");
		while (!got) {
			ssize_t n = read(fd, answer + have, sizeof answer - 1 - have);
			if (n <= 0) fail("read");
			answer[have += n] = 0;
			got = body_of(answer);
		}
		printf("%.3f %.3s %s\n", now_ms() - start, answer + sizeof "HTTP/1.1", got);
		fflush(stdout);
	}
}
