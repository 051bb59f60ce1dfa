// Connections by way of a gateway, one after the other, in C: a client in JavaScript would be most of what is measured.
// Usage: connections serve PORT             a lone byte is answered with one, all else is read
//        connections open ADDRESS PORT N    prints the microseconds that one of N connections takes from SYN to open
//        connections ask ADDRESS PORT N     the same of a byte there and back by one connection
//        connections send ADDRESS PORT N    MiB a second of N MiB by one connection
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char buffer[1 << 16];

static void fail(const char *what) {
	perror(what);
	exit(1);
}

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static int opened(const char *address, const char *port) {
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	// Closed by RST: nothing stays in TIME_WAIT.
	struct linger linger = { 1, 0 };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
	if (inet_pton(AF_INET, address, &to.sin_addr) != 1) fail(address);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(fd, (struct sockaddr *)&to, sizeof to)) fail("connect");
	return fd;
}

static void serve(const char *port) {
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 1024)) fail("listen");
	signal(SIGCHLD, SIG_IGN);
	puts("serving");
	fflush(stdout);
	for (;;) {
		int peer = accept(fd, NULL, NULL);
		if (peer < 0) continue;
		// Most say nothing at all: only who does gets a process.
		setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		char first;
		if (recv(peer, &first, 1, MSG_PEEK) == 1 && fork() == 0) {
			ssize_t n;
			while ((n = read(peer, buffer, sizeof buffer)) > 0)
				if (write(peer, buffer, n == 1 ? 1 : 0) < 0) break;
			_exit(0);
		}
		close(peer);
	}
}

int main(int argc, char **argv) {
	if (argc == 3 && !strcmp(argv[1], "serve")) serve(argv[2]);
	if (argc != 5) return 2;
	int n = atoi(argv[4]);
	double began = now();
	if (!strcmp(argv[1], "open")) {
		for (int i = 0; i < n; i++) close(opened(argv[2], argv[3]));
		printf("%.3f\n", (now() - began) / n * 1e6);
		return 0;
	}
	int fd = opened(argv[2], argv[3]);
	if (!strcmp(argv[1], "ask")) {
		for (int i = 0; i < n; i++)
			if (write(fd, "x", 1) != 1 || read(fd, buffer, 1) != 1) fail("ask");
		printf("%.3f\n", (now() - began) / n * 1e6);
		return 0;
	}
	for (int i = 0; i < n * 16; i++)
		for (size_t left = sizeof buffer; left > 0;) {
			ssize_t sent = write(fd, buffer, left);
			if (sent < 0) fail("send");
			left -= sent;
		}
	printf("%.3f\n", n / (now() - began));
	return 0;
}
