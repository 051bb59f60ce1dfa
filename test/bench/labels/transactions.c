// Carries out transactions of libnftables, a line of JSON on standard input each, and each in a network namespace of
// its own that is made for it beforehand: the least that any program needs that gives them to libnftables. Prints the
// milliseconds of each, from the way into the namespace to the way back.
#define _GNU_SOURCE
#include "../process.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>

#define LINES 512
#define NFT_CTX_OUTPUT_JSON (1 << 4)

static void die(const char *what) {
	fprintf(stderr, "transactions: %s\n", what);
	exit(1);
}

static int netns(void) {
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd < 0) die("no /proc/self/ns/net");
	return fd;
}

int main(void) {
	void *library = dlopen("libnftables.so.1", RTLD_NOW);
	if (!library) die(dlerror());
	void *(*ctx_new)(unsigned) = dlsym(library, "nft_ctx_new");
	void (*set_flags)(void *, unsigned) = dlsym(library, "nft_ctx_output_set_flags");
	int (*buffer_output)(void *) = dlsym(library, "nft_ctx_buffer_output");
	int (*buffer_error)(void *) = dlsym(library, "nft_ctx_buffer_error");
	int (*run_command)(void *, const char *) = dlsym(library, "nft_run_cmd_from_buffer");
	const char *(*error_of)(void *) = dlsym(library, "nft_ctx_get_error_buffer");
	if (!ctx_new || !set_flags || !buffer_output || !buffer_error || !run_command || !error_of)
		die("not the libnftables that is meant");

	static char *lines[LINES];
	static int places[LINES];
	int count = 0;
	size_t room = 0;
	while (count < LINES && getline(&lines[count], &room, stdin) > 0) {
		lines[count][strcspn(lines[count], "\n")] = 0;
		count++;
		room = 0;
	}
	int home = netns();
	for (int n = 0; n < count; n++) {
		if (unshare(CLONE_NEWNET)) die("no namespace can be made");
		places[n] = netns();
	}
	if (setns(home, CLONE_NEWNET)) die("no way back");
	for (int n = 0; n < count; n++) {
		double start = now_ms();
		if (setns(places[n], CLONE_NEWNET)) die("no way in");
		// It is not freed: that waits until the kernel has destroyed something, and the daemon does it later, too.
		void *context = ctx_new(0);
		set_flags(context, NFT_CTX_OUTPUT_JSON);
		buffer_output(context);
		buffer_error(context);
		if (run_command(context, lines[n])) die(error_of(context));
		if (setns(home, CLONE_NEWNET)) die("no way back");
		printf("%.3f\n", now_ms() - start);
	}
}
