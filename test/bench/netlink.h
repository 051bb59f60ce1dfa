// Netlink for the yardsticks: one socket's request and answer in plain C, attributes appended to a buffer. What
// a program without any library does; errors end the program.
#pragma once
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct request {
	struct nlmsghdr nl;
	char room[4096];
};

static char answer[65536];
static unsigned sequence;

static inline void fail(const char *what) {
	perror(what);
	exit(1);
}

static inline double now_ms(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static inline void *tail(struct request *r) {
	return (char *)r + NLMSG_ALIGN(r->nl.nlmsg_len);
}

static inline void begin(struct request *r, int type, int flags, const void *header, size_t length) {
	memset(r, 0, sizeof *r);
	r->nl = (struct nlmsghdr){NLMSG_LENGTH(length), type, NLM_F_REQUEST | NLM_F_ACK | flags, ++sequence, 0};
	memcpy(NLMSG_DATA(&r->nl), header, length);
}

static inline void put(struct request *r, int type, const void *value, size_t length) {
	struct nlattr *a = tail(r);
	a->nla_len = NLA_HDRLEN + length;
	a->nla_type = type;
	memcpy((char *)a + NLA_HDRLEN, value, length);
	r->nl.nlmsg_len = NLMSG_ALIGN(r->nl.nlmsg_len) + NLA_ALIGN(a->nla_len);
}

static inline void put_text(struct request *r, int type, const char *text) {
	put(r, type, text, strlen(text) + 1);
}

static inline struct nlattr *open_nest(struct request *r, int type) {
	struct nlattr *nest = tail(r);
	put(r, type | NLA_F_NESTED, "", 0);
	return nest;
}

static inline void close_nest(struct request *r, struct nlattr *nest) {
	nest->nla_len = (char *)tail(r) - (char *)nest;
}

// The value of an attribute, or NULL.
static inline void *find(void *from, int length, int type) {
	for (struct nlattr *a = from; length >= NLA_HDRLEN; length -= NLA_ALIGN(a->nla_len), a = (void *)((char *)a + NLA_ALIGN(a->nla_len)))
		if ((a->nla_type & NLA_TYPE_MASK) == type) return (char *)a + NLA_HDRLEN;
	return NULL;
}

static inline int open_socket(int protocol) {
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (fd < 0 || connect(fd, (void *)&kernel, sizeof kernel)) fail("netlink socket");
	return fd;
}

// Sends, and reads until the acknowledgement or the end of the dump. Returns the first message with data, which
// stays in `answer`, or NULL.
static inline struct nlmsghdr *ask(int fd, struct request *r, const char *what) {
	static char rest[65536];
	struct nlmsghdr *data = NULL;
	if (send(fd, r, r->nl.nlmsg_len, 0) < 0) fail(what);
	for (;;) {
		char *into = data ? rest : answer;
		int length = recv(fd, into, sizeof answer, 0);
		if (length < 0) fail(what);
		for (struct nlmsghdr *m = (void *)into; NLMSG_OK(m, length); m = NLMSG_NEXT(m, length)) {
			if (m->nlmsg_type == NLMSG_ERROR || m->nlmsg_type == NLMSG_DONE) {
				errno = -*(int *)NLMSG_DATA(m);
				if (errno) fail(what);
				return data;
			}
			if (!data) data = m;
		}
	}
}
