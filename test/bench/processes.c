// A Join by the standard tools, a process for each step: the other yardstick of the daemon's.
// Usage: processes ROUNDS [WARM]; prints a line per round after the warm ones: milliseconds of what reads (host
// interface, its MTU, public key) and of what changes (link, its configuration, host peer). It wants a WireGuard
// interface wg0 in its network namespace.
#define _GNU_SOURCE
#include "process.h"

#define KEY_FILE "/run/bench-key"
#define RUN(out, ...) run((char *[]){__VA_ARGS__, NULL}, KEY_FILE, out)

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
