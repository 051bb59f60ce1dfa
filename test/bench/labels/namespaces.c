// Holds network namespaces, a process in each, until its standard input ends: what stands in for containers where a
// machine cannot run so many. Each has a link eth0 with the address 10.X.Y.Z/8, counted from 10.1.0.1.
// Each is mounted as Docker has it, at FOLDER/PID, since the daemon may not follow a link to one.
// Usage: namespaces COUNT FOLDER; prints a line per namespace, the id of its process, when all are there.
#define _GNU_SOURCE
#include "../process.h"
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>

static void furnish(int n) {
	char file[] = "/tmp/bench-batch-XXXXXX";
	int fd = mkstemp(file);
	if (fd < 0) exit(1);
	dprintf(fd,
	        "link set lo up\nlink add eth0 type veth peer name beyond\naddr add 10.%d.%d.%d/8 dev eth0\n"
	        "link set eth0 up\nlink set beyond up\n",
	        1 + n / 62500, n / 250 % 250, 1 + n % 250);
	close(fd);
	run((char *[]){"ip", "-batch", file, NULL}, "/dev/null", NULL);
	unlink(file);
	// As in what Docker makes, which takes it over from a host that forwards.
	int forward = open("/proc/sys/net/ipv4/ip_forward", O_WRONLY | O_CLOEXEC);
	if (forward < 0 || write(forward, "1", 1) != 1) exit(1);
	close(forward);
}

static char *path_of(const char *folder, pid_t pid) {
	static char path[4096];
	snprintf(path, sizeof path, "%s/%d", folder, pid);
	return path;
}

static void pin(const char *path) {
	int fd = open(path, O_CREAT | O_CLOEXEC, 0444);
	if (fd < 0 || mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL)) exit(1);
	close(fd);
}

int main(int argc, char **argv) {
	if (argc != 3) return 2;
	int count = atoi(argv[1]);
	const char *folder = argv[2];
	mkdir(folder, 0755);
	pid_t *held = calloc(count, sizeof *held);
	for (int n = 0; n < count; n++) {
		int ready[2];
		char byte;
		if (pipe2(ready, O_CLOEXEC)) return 1;
		held[n] = fork();
		if (held[n] < 0) return 1;
		if (held[n] == 0) {
			if (unshare(CLONE_NEWNET)) exit(1);
			furnish(n);
			pin(path_of(folder, getpid()));
			if (write(ready[1], "", 1) != 1) exit(1);
			close(ready[0]);
			close(ready[1]);
			for (;;) pause();
		}
		close(ready[1]);
		if (read(ready[0], &byte, 1) != 1) return 1;
		close(ready[0]);
	}
	for (int n = 0; n < count; n++) printf("%d\n", held[n]);
	fflush(stdout);
	char byte;
	while (read(0, &byte, 1) > 0) continue;
	for (int n = 0; n < count; n++) {
		umount2(path_of(folder, held[n]), MNT_DETACH);
		unlink(path_of(folder, held[n]));
		kill(held[n], SIGKILL);
	}
	for (int n = 0; n < count; n++) waitpid(held[n], NULL, 0);
}
