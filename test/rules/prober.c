// Sends raw IP packets from the namespace that it runs in, and shows those that come in. Commands on standard input, a
// line each: `send HEX`, an IP packet whole; `collect`, which prints what has come in since, a packet's HEX on each line, and a
// line "end". UDP on some ports is echoed. Not here: what the packets are.
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORTS 4

static const int ports[PORTS] = {53, 80, 443, 8080};
static unsigned char packet[65536];
static char line[200000];

static int must(int result, const char *what) {
  if (result < 0) {
    perror(what);
    exit(1);
  }
  return result;
}

static int bound(int port) {
  int fd = must(socket(AF_INET6, SOCK_DGRAM, 0), "socket");
  int on = 1, off = 0;
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  must(bind(fd, (struct sockaddr *)&address, sizeof address), "bind");
  return fd;
}

static void send_packet(const char *hex, int raw4, int raw6) {
  size_t length = 0;
  unsigned byte;
  while (sscanf(hex + 2 * length, "%2x", &byte) == 1) packet[length++] = byte;
  if (packet[0] >> 4 == 4) {
    struct sockaddr_in to = {.sin_family = AF_INET};
    memcpy(&to.sin_addr, packet + 16, 4);
    // Refused by a rule of OUTPUT is a fate like others.
    (void)!sendto(raw4, packet, length, 0, (struct sockaddr *)&to, sizeof to);
  } else {
    struct sockaddr_in6 to = {.sin6_family = AF_INET6};
    memcpy(&to.sin6_addr, packet + 24, 16);
    (void)!sendto(raw6, packet, length, 0, (struct sockaddr *)&to, sizeof to);
  }
}

static void collect(int sniffer) {
  struct sockaddr_ll from;
  socklen_t size = sizeof from;
  ssize_t length;
  while ((length = recvfrom(sniffer, packet, sizeof packet, MSG_DONTWAIT, (struct sockaddr *)&from, &size)) >= 0) {
    size = sizeof from;
    int ip = ntohs(from.sll_protocol) == ETH_P_IP || ntohs(from.sll_protocol) == ETH_P_IPV6;
    if (from.sll_pkttype == PACKET_OUTGOING || !ip) continue;
    for (ssize_t i = 0; i < length; i++) printf("%02x", packet[i]);
    putchar('\n');
  }
  puts("end");
  fflush(stdout);
}

int main(int argc, char **argv) {
  int sniffer = must(socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL)), "packet socket");
  int raw4 = must(socket(AF_INET, SOCK_RAW, IPPROTO_RAW), "raw socket");
  int raw6 = must(socket(AF_INET6, SOCK_RAW, IPPROTO_RAW), "raw socket");
  struct pollfd fds[1 + PORTS] = {{.fd = 0, .events = POLLIN}};
  int echoing = argc > 1 && strcmp(argv[1], "echo") == 0;
  for (int i = 0; i < PORTS && echoing; i++) fds[1 + i] = (struct pollfd){.fd = bound(ports[i]), .events = POLLIN};
  setvbuf(stdin, NULL, _IONBF, 0);
  for (;;) {
    must(poll(fds, echoing ? 1 + PORTS : 1, -1), "poll");
    for (int i = 1; i <= PORTS && echoing; i++) {
      struct sockaddr_in6 from;
      socklen_t size = sizeof from;
      ssize_t length;
      while ((length = recvfrom(fds[i].fd, packet, sizeof packet, MSG_DONTWAIT, (struct sockaddr *)&from, &size)) >= 0)
        (void)!sendto(fds[i].fd, packet, length, 0, (struct sockaddr *)&from, size);
    }
    if (fds[0].revents == 0) continue;
    if (!fgets(line, sizeof line, stdin)) return 0;
    if (strncmp(line, "send ", 5) == 0) send_packet(line + 5, raw4, raw6);
    if (strncmp(line, "collect", 7) == 0) collect(sniffer);
  }
}
