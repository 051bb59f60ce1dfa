// A Join by netlink and nothing else: the yardstick of the daemon's. It sends the messages that the daemon sends,
// in the same order, and does nothing with the answers but what the next message needs.
// Usage: join ROUNDS [WARM]; prints a line per round after the warm ones: milliseconds of each step and of the
// link's deletion. It wants a WireGuard interface wg0 in its network namespace.
#include "netlink.h"
#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/wireguard.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/random.h>

#define HOST "wg0"
#define GROUP 0x64776764u

static int route, generic, family;
static struct request r;

static void begin_wg(int command, int flags, const char *name) {
	struct genlmsghdr g = {command, 1, 0};
	begin(&r, family, flags, &g, sizeof g);
	put_text(&r, WGDEVICE_A_IFNAME, name);
}

static void begin_link(int type, int flags, const char *name) {
	struct ifinfomsg i = {0};
	begin(&r, type, flags, &i, sizeof i);
	put_text(&r, IFLA_IFNAME, name);
}

static void find_family(void) {
	struct genlmsghdr g = {CTRL_CMD_GETFAMILY, 1, 0};
	begin(&r, GENL_ID_CTRL, 0, &g, sizeof g);
	put_text(&r, CTRL_ATTR_FAMILY_NAME, WG_GENL_NAME);
	struct nlmsghdr *m = ask(generic, &r, "finding wireguard");
	family = *(uint16_t *)find((char *)NLMSG_DATA(m) + GENL_HDRLEN, NLMSG_PAYLOAD(m, GENL_HDRLEN), CTRL_ATTR_FAMILY_ID);
}

// A value of a device's WG_CMD_GET_DEVICE.
static void get_device(const char *name, int attribute, void *value, size_t length) {
	begin_wg(WG_CMD_GET_DEVICE, NLM_F_DUMP, name);
	struct nlmsghdr *m = ask(generic, &r, "reading a device");
	memcpy(value, find((char *)NLMSG_DATA(m) + GENL_HDRLEN, NLMSG_PAYLOAD(m, GENL_HDRLEN), attribute), length);
}

static uint32_t get_mtu(const char *name) {
	begin_link(RTM_GETLINK, 0, name);
	struct nlmsghdr *m = ask(route, &r, "reading a link");
	size_t header = NLMSG_ALIGN(sizeof(struct ifinfomsg));
	return *(uint32_t *)find((char *)NLMSG_DATA(m) + header, NLMSG_PAYLOAD(m, header), IFLA_MTU);
}

static void add_link(const char *name, uint32_t mtu) {
	uint32_t group = GROUP;
	begin_link(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, name);
	put(&r, IFLA_MTU, &mtu, sizeof mtu);
	put(&r, IFLA_GROUP, &group, sizeof group);
	struct nlattr *info = open_nest(&r, IFLA_LINKINFO);
	put(&r, IFLA_INFO_KIND, "wireguard", 9);
	close_nest(&r, info);
	ask(route, &r, "creating a link");
}

static void put_allowed(int af, const void *address, size_t length, uint8_t mask) {
	uint16_t family16 = af;
	struct nlattr *ip = open_nest(&r, 0);
	put(&r, WGALLOWEDIP_A_FAMILY, &family16, 2);
	put(&r, WGALLOWEDIP_A_IPADDR, address, length);
	put(&r, WGALLOWEDIP_A_CIDR_MASK, &mask, 1);
	close_nest(&r, ip);
}

struct peer {
	const uint8_t *key;
	uint32_t flags;
	uint16_t port;            // of 127.0.0.1; 0: no endpoint
	const void *own_address;  // NULL: everything
};

static void set_device(const char *name, const uint8_t *private_key, struct peer p) {
	static const uint8_t any[16];
	uint32_t replace = WGDEVICE_F_REPLACE_PEERS;
	uint16_t keepalive = 25;
	begin_wg(WG_CMD_SET_DEVICE, 0, name);
	if (private_key) {
		put(&r, WGDEVICE_A_PRIVATE_KEY, private_key, WG_KEY_LEN);
		put(&r, WGDEVICE_A_FLAGS, &replace, sizeof replace);
	}
	struct nlattr *peers = open_nest(&r, WGDEVICE_A_PEERS), *peer = open_nest(&r, 0);
	put(&r, WGPEER_A_PUBLIC_KEY, p.key, WG_KEY_LEN);
	put(&r, WGPEER_A_FLAGS, &p.flags, sizeof p.flags);
	if (p.port) {
		struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(p.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		put(&r, WGPEER_A_ENDPOINT, &to, sizeof to);
	}
	if (!(p.flags & WGPEER_F_REMOVE_ME)) {
		put(&r, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, &keepalive, sizeof keepalive);
		struct nlattr *ips = open_nest(&r, WGPEER_A_ALLOWEDIPS);
		if (p.own_address) put_allowed(AF_INET, p.own_address, 4, 32);
		else put_allowed(AF_INET, any, 4, 0), put_allowed(AF_INET6, any, 16, 0);
		close_nest(&r, ips);
	}
	close_nest(&r, peer);
	close_nest(&r, peers);
	ask(generic, &r, "configuring a device");
}

int main(int argc, char **argv) {
	int rounds = argc > 1 ? atoi(argv[1]) : 30, warm = argc > 2 ? atoi(argv[2]) : 0;
	route = open_socket(NETLINK_ROUTE);
	generic = open_socket(NETLINK_GENERIC);
	find_family();
	for (int i = -warm; i < rounds; i++) {
		const uint8_t own[4] = {10, 0, 1, 2};
		uint8_t private_key[WG_KEY_LEN], public_key[WG_KEY_LEN], host_key[WG_KEY_LEN];
		uint16_t port;
		double t[8];
		char name[IFNAMSIZ];
		snprintf(name, sizeof name, "wg-c%d", i + warm);
		getrandom(private_key, sizeof private_key, 0);

		t[0] = now_ms();
		begin_wg(WG_CMD_GET_DEVICE, NLM_F_DUMP, HOST);
		struct nlmsghdr *m = ask(generic, &r, "reading " HOST);
		int length = NLMSG_PAYLOAD(m, GENL_HDRLEN);
		memcpy(host_key, find((char *)NLMSG_DATA(m) + GENL_HDRLEN, length, WGDEVICE_A_PUBLIC_KEY), WG_KEY_LEN);
		port = *(uint16_t *)find((char *)NLMSG_DATA(m) + GENL_HDRLEN, length, WGDEVICE_A_LISTEN_PORT);
		t[1] = now_ms();
		uint32_t mtu = get_mtu(HOST);
		t[2] = now_ms();
		add_link(name, mtu);
		t[3] = now_ms();
		set_device(name, private_key, (struct peer){host_key, WGPEER_F_REPLACE_ALLOWEDIPS, port, NULL});
		t[4] = now_ms();
		get_device(name, WGDEVICE_A_PUBLIC_KEY, public_key, sizeof public_key);
		t[5] = now_ms();
		set_device(HOST, NULL, (struct peer){public_key, WGPEER_F_REPLACE_ALLOWEDIPS, 0, own});
		t[6] = now_ms();

		set_device(HOST, NULL, (struct peer){public_key, WGPEER_F_REMOVE_ME, 0, NULL});
		double before = now_ms();
		begin_link(RTM_DELLINK, 0, name);
		ask(route, &r, "deleting a link");
		t[7] = now_ms() - before;
		usleep(100 * 1000);
		if (i < 0) continue;
		printf("%.3f", t[6] - t[0]);
		for (int step = 0; step < 6; step++) printf(" %.3f", t[step + 1] - t[step]);
		printf(" %.3f\n", t[7]);
	}
}
