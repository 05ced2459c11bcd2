/* Native load generator of the benches: epoll, one thread, N keep-alive connections, one request in flight on each (closed loop).
 * usage: load PORT CONNECTIONS SECONDS REQUEST_FILE [--count N] [--first FILE] [--need TEXT] [--hold] [--spread]
 *   --count N    stop after N answers (SECONDS still bounds it)     --first FILE  one other request first on each connection
 *   --need TEXT  a valid answer holds TEXT in its last bytes        --spread      client addresses 127.0.0.2..9
 *   --hold       count answers that began, print "held N", stay until SIGTERM or SECONDS
 * Prints one JSON line. An answer is valid with status 200, a whole body, and TEXT where asked. Failed connections are opened again,
 * at most 1,000 times. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { BUF = 65536, SLOTS = 600001 };
typedef struct { int fd, n, first, started; long long t0; char *in; } conn;
static conn *cs; static int port, ep, spread, holding; static char *req, *first, *need; static int req_n, first_n;
static long long ok, errors, reopened, held; static unsigned lat[SLOTS]; /* 10 us slots, to 6 s */
static volatile sig_atomic_t stopped; static void on_term(int s) { (void)s; stopped = 1; }
static long long now_us(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000LL + t.tv_nsec / 1000; }
static char *slurp(const char *p, int *n) { FILE *f = fopen(p, "rb"); if (!f) { perror(p); exit(2); } char *b = malloc(BUF); *n = fread(b, 1, BUF - 1, f); b[*n] = 0; fclose(f); return b; }

static void ask(conn *c) {
  char *p = c->first ? first : req; int n = c->first ? first_n : req_n;
  c->n = 0; c->started = 0; c->t0 = now_us();
  if (send(c->fd, p, n, MSG_NOSIGNAL) != n) errors++;
}
static void start(conn *c, int i) {
  c->fd = socket(AF_INET, SOCK_STREAM, 0); c->first = first != NULL;
  if (c->fd < 0) { perror("socket"); exit(1); }
  int one = 1; setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (spread) {
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    struct sockaddr_in s = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002 + i % 8) };
    if (bind(c->fd, (void *)&s, sizeof s)) perror("bind");
  }
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  if (connect(c->fd, (void *)&a, sizeof a)) { perror("connect"); exit(1); }
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  struct epoll_event e = { .events = EPOLLIN, .data.u32 = i }; epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
  ask(c);
}
/* 1 = whole, 0 = more to come, -1 = never. Only the last bytes of a stream are kept, the head always is looked at when it comes. */
static int whole(conn *c) {
  c->in[c->n] = 0;
  char *end = memmem(c->in, c->n, "\r\n\r\n", 4);
  if (!end) return 0;
  char *l = strcasestr(c->in, "\r\ncontent-length:");
  if (l && l < end) return c->n >= end + 4 - c->in + atoi(l + 17);
  return c->n >= 5 && !memcmp(c->in + c->n - 5, "0\r\n\r\n", 5) && end + 4 - c->in < c->n;
}
static void readable(conn *c, int i) {
  int r = recv(c->fd, c->in + c->n, BUF - 1 - c->n, 0);
  if (r < 0 && errno == EAGAIN) return;
  if (r <= 0 || c->n + r >= BUF - 1) {
    errors++; close(c->fd);
    if (++reopened > 1000) { stopped = 1; return; }
    start(c, i); return;
  }
  c->n += r;
  if (!c->started) { c->started = 1; if (holding && ++held % 500 == 0) { printf("held %lld\n", held); fflush(stdout); } }
  if (!whole(c)) return;
  if (c->first) { c->first = 0; ask(c); return; }
  int from = c->n > 1500 ? c->n - 1500 : 0;
  if (memcmp(c->in, "HTTP/1.1 200", 12) || (need && !memmem(c->in + from, c->n - from, need, strlen(need)))) errors++;
  else { ok++; long long d = (now_us() - c->t0) / 10; lat[d < SLOTS ? d : SLOTS - 1]++; }
  ask(c);
}
static double pct(double p) { long long want = ok * p, seen = 0; for (int i = 0; i < SLOTS; i++) if ((seen += lat[i]) > want) return i * 10.0; return 0; }
int main(int argc, char **argv) {
  if (argc < 5) { fprintf(stderr, "usage: load PORT CONNECTIONS SECONDS REQUEST_FILE [options]\n"); return 2; }
  signal(SIGTERM, on_term); signal(SIGPIPE, SIG_IGN);
  port = atoi(argv[1]); int n = atoi(argv[2]); double secs = atof(argv[3]); long long count = 0;
  req = slurp(argv[4], &req_n);
  for (int i = 5; i < argc; i++) {
    if (!strcmp(argv[i], "--count") && i + 1 < argc) count = atoll(argv[++i]);
    else if (!strcmp(argv[i], "--first") && i + 1 < argc) first = slurp(argv[++i], &first_n);
    else if (!strcmp(argv[i], "--need") && i + 1 < argc) need = argv[++i];
    else if (!strcmp(argv[i], "--hold")) holding = 1;
    else if (!strcmp(argv[i], "--spread")) spread = 1;
    else { fprintf(stderr, "unknown option %s\n", argv[i]); return 2; }
  }
  ep = epoll_create1(0); cs = calloc(n, sizeof *cs);
  long long t0 = now_us(), end = t0 + secs * 1e6;
  struct epoll_event ev[256];
  for (int i = 0; i < n; i++) {
    cs[i].in = malloc(BUF); start(&cs[i], i);
    /* Let answers in while opening, so that no accept queue overflows. */
    if (i % 64 == 63) { int k = epoll_wait(ep, ev, 256, 1); for (int j = 0; j < k; j++) readable(&cs[ev[j].data.u32], ev[j].data.u32); }
  }
  while (!stopped && now_us() < end && (!count || ok + errors < count)) {
    int k = epoll_wait(ep, ev, 256, 50);
    for (int j = 0; j < k; j++) readable(&cs[ev[j].data.u32], ev[j].data.u32);
  }
  double took = (now_us() - t0) / 1e6;
  printf("{\"ok\":%lld,\"errors\":%lld,\"seconds\":%.3f,\"p50Us\":%.0f,\"p99Us\":%.0f}\n", ok, errors, took, pct(.5), pct(.99));
  return 0;
}
