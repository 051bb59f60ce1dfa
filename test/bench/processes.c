// A Join by the standard tools, a process for each step: the other yardstick of the daemon's. The processes are
// started by posix_spawn(3), the cheapest way there is.
// Usage: processes ROUNDS [WARM]; prints a line per round after the warm ones: milliseconds of what reads (host
// interface, its MTU, public key) and of what changes (link, its configuration, host peer). It wants a WireGuard
// interface wg0 in its network namespace.
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
#define KEY_FILE "/run/bench-key"
#define RUN(out, ...) run((char *[]){__VA_ARGS__, NULL}, out)

static double now_ms(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

// Runs a command with the key's file as its standard input; its first 4 KiB of output without the last newline.
static void run(char **argv, char *out) {
	posix_spawn_file_actions_t actions;
	char buffer[4096];
	int fds[2], status, length = 0, got;
	pid_t pid;
	if (pipe2(fds, O_CLOEXEC)) exit(1);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, KEY_FILE, O_RDONLY, 0);
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

static void new_key(void) {
	char key[4096];
	FILE *file;
	RUN(key, "wg", "genkey");
	file = fopen(KEY_FILE, "w");
	fprintf(file, "%s\n", key);
	fclose(file);
}

int main(int argc, char **argv) {
	int rounds = argc > 1 ? atoi(argv[1]) : 30, warm = argc > 2 ? atoi(argv[2]) : 0;
	close(open(KEY_FILE, O_CREAT | O_WRONLY, 0600));
	for (int i = -warm; i < rounds; i++) {
		char dump[4096], mtu[4096], key[4096], name[16], endpoint[32], *save;
		double start, read_ms, change_ms;
		snprintf(name, sizeof name, "wg-p%d", i + warm);
		new_key();

		start = now_ms();
		RUN(dump, "wg", "show", "wg0", "dump");
		RUN(mtu, "ip", "-o", "link", "show", "dev", "wg0");
		RUN(key, "wg", "pubkey");
		read_ms = now_ms() - start;
		strtok_r(dump, "\t", &save);
		char *host_key = strtok_r(NULL, "\t", &save);
		snprintf(endpoint, sizeof endpoint, "127.0.0.1:%s", strtok_r(NULL, "\t", &save));
		char *value = strstr(mtu, " mtu ") + 5;
		*strchr(value, ' ') = 0;

		start = now_ms();
		RUN(NULL, "ip", "link", "add", name, "mtu", value, "group", "1685546852", "type", "wireguard");
		RUN(NULL, "wg", "set", name, "private-key", KEY_FILE, "peer", host_key, "endpoint", endpoint,
		    "persistent-keepalive", "25", "allowed-ips", "0.0.0.0/0,::/0");
		RUN(NULL, "wg", "set", "wg0", "peer", key, "persistent-keepalive", "25", "allowed-ips", "10.0.1.2/32");
		change_ms = now_ms() - start;

		RUN(NULL, "wg", "set", "wg0", "peer", key, "remove");
		RUN(NULL, "ip", "link", "del", name);
		usleep(100 * 1000);
		if (i >= 0) printf("%.3f %.3f\n", read_ms, change_ms);
	}
	unlink(KEY_FILE);
}
