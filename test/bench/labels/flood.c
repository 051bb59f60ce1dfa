// Changes a network namespace without end: policy rules come and go, as many as the kernel takes, without waiting for answers.
// Usage: flood PATH SECONDS; prints how many changes there were in each second.
#define _GNU_SOURCE
#include "../netlink.h"
#include <fcntl.h>
#include <linux/fib_rules.h>
#include <sched.h>

enum { PRIORITY = 77, TABLE = 9, TOGETHER = 64 };

struct change {
	struct nlmsghdr nl;
	struct fib_rule_hdr rule;
	struct rtattr attribute;
	uint32_t priority;
};

int main(int argc, char **argv) {
	if (argc != 3) return 2;
	int netns = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (netns < 0 || setns(netns, CLONE_NEWNET)) fail(argv[1]);
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0) fail("socket");
	struct change changes[TOGETHER] = {0};
	for (int n = 0; n < TOGETHER; n++) {
		struct change *c = &changes[n];
		c->nl.nlmsg_len = sizeof *c;
		c->nl.nlmsg_type = n % 2 == 0 ? RTM_NEWRULE : RTM_DELRULE;
		c->nl.nlmsg_flags = NLM_F_REQUEST | (n % 2 == 0 ? NLM_F_CREATE : 0);
		c->rule.family = AF_INET;
		c->rule.table = TABLE;
		c->rule.action = FR_ACT_TO_TBL;
		c->attribute.rta_len = RTA_LENGTH(sizeof c->priority);
		c->attribute.rta_type = FRA_PRIORITY;
		c->priority = PRIORITY;
	}
	double from = now_ms(), end = from + 1e3 * atof(argv[2]), now = from;
	long made = 0;
	for (; now < end; now = now_ms()) {
		if (send(fd, changes, sizeof changes, 0) < 0 && errno != ENOBUFS) fail("send");
		made += TOGETHER;
		// Refusals, of which there are none as long as all goes well.
		while (recv(fd, answer, sizeof answer, MSG_DONTWAIT) > 0) continue;
	}
	printf("%.0f\n", made / (now - from) * 1e3);
}
