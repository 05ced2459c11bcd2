/* Native upstream of the benches: epoll, one thread, keep-alive HTTP/1.1.
 * usage: upstream PORT [CERT KEY]      (CERT and KEY: TLS with OpenSSL)
 * A word in the request's "model" chooses the answer: "json" 1,226 B JSON; "burst" 50 events (156 B each) at once; "spaced" one event each 20 ms;
 * "hold" one event, then silence until the peer leaves. Prints "ready\n". */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 50, GAP_MS = 20, MAXFD = 65536, INBUF = 16384 };
typedef struct { int fd, in_len, event, shaken; long long due; SSL *ssl; char *in; } conn;
static conn *conns[MAXFD];
static int spaced[MAXFD], spaced_n, ep;
static char json[4096], burst[65536], chunk[EVENTS + 3][512], opening[256];
static int json_n, burst_n, chunk_n[EVENTS + 3], opening_n, chunks;
static SSL_CTX *tls;

static long long now_ms(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000LL + t.tv_nsec / 1000000; }

/* What all events of a stream begin with. */
#define OF_STREAM "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\"model\":\"m\","
static void build(void) {
  char body[2048], text[1200];
  const char *shape = "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1760000000,\"model\":\"json\",\"choices\":[{\"index\":0,"
    "\"message\":{\"role\":\"assistant\",\"content\":\"%s\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":180,\"completion_tokens\":220,\"total_tokens\":400}}";
  int fixed = snprintf(body, sizeof body, shape, ""), pad = 1226 - fixed;
  for (int i = 0; i < pad; i++) text[i] = "headrace "[i % 9];
  text[pad] = 0;
  int n = snprintf(body, sizeof body, shape, text);
  json_n = snprintf(json, sizeof json, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", n, body);
  opening_n = snprintf(opening, sizeof opening, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
  memcpy(burst, opening, burst_n = opening_n);
  for (int i = 0; i < EVENTS + 2; i++) {
    char e[400];
    int m = i < EVENTS - 1
      ? snprintf(e, sizeof e, OF_STREAM "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" w%02d\"},\"finish_reason\":null}]}\n\n", i)
      : i == EVENTS - 1
      ? snprintf(e, sizeof e, OF_STREAM "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n")
      : i == EVENTS
      ? snprintf(e, sizeof e, OF_STREAM "\"choices\":[],\"usage\":{\"prompt_tokens\":180,\"completion_tokens\":50,\"total_tokens\":230}}\n\n")
      : snprintf(e, sizeof e, "data: [DONE]\n\n");
    chunk_n[i] = snprintf(chunk[i], sizeof chunk[i], "%x\r\n%s\r\n%s", m, e, i == EVENTS + 1 ? "0\r\n\r\n" : "");
    memcpy(burst + burst_n, chunk[i], chunk_n[i]); burst_n += chunk_n[i];
  }
  /* Usage and [DONE] travel with the last event, as providers send them. */
  chunks = EVENTS;
  memcpy(chunk[EVENTS - 1] + chunk_n[EVENTS - 1], chunk[EVENTS], chunk_n[EVENTS]); chunk_n[EVENTS - 1] += chunk_n[EVENTS];
  memcpy(chunk[EVENTS - 1] + chunk_n[EVENTS - 1], chunk[EVENTS + 1], chunk_n[EVENTS + 1]); chunk_n[EVENTS - 1] += chunk_n[EVENTS + 1];
}

static void drop(conn *c) {
  if (c->event >= 0) for (int i = 0; i < spaced_n; i++) if (spaced[i] == c->fd) { spaced[i] = spaced[--spaced_n]; break; }
  conns[c->fd] = NULL;
  if (c->ssl) SSL_free(c->ssl);
  close(c->fd); free(c->in); free(c);
}
/* Answers are small next to the socket buffers: a short write is a dead peer. */
static int put(conn *c, const char *p, int n) {
  int r = c->ssl ? SSL_write(c->ssl, p, n) : (int)send(c->fd, p, n, MSG_NOSIGNAL);
  return r == n;
}
static int get(conn *c) {
  if (!c->ssl) { int r = recv(c->fd, c->in + c->in_len, INBUF - c->in_len, 0); return r > 0 ? r : r < 0 && errno == EAGAIN ? 0 : -1; }
  if (!c->shaken) {
    int r = SSL_accept(c->ssl);
    if (r != 1) { int e = SSL_get_error(c->ssl, r); ERR_clear_error(); return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? 0 : -1; }
    c->shaken = 1;
  }
  int r = SSL_read(c->ssl, c->in + c->in_len, INBUF - c->in_len);
  if (r > 0) return r;
  int e = SSL_get_error(c->ssl, r); ERR_clear_error();
  return e == SSL_ERROR_WANT_READ ? 0 : -1;
}
/* Length of the first whole request in the buffer; 0 = not there yet, -1 = not understood. Chunked bodies are recognised by their end. */
static int request_len(conn *c) {
  c->in[c->in_len] = 0;
  char *end = strstr(c->in, "\r\n\r\n");
  if (!end) return c->in_len >= INBUF - 1 ? -1 : 0;
  int head = end + 4 - c->in;
  char *l = strcasestr(c->in, "\r\ncontent-length:");
  if (l && l < end) { int n = head + atoi(l + 17); return n > INBUF - 1 ? -1 : c->in_len >= n ? n : 0; }
  char *t = strcasestr(c->in, "\r\ntransfer-encoding:");
  if (t && t < end) { char *z = strstr(end + 2, "\r\n0\r\n\r\n"); return z ? z + 7 - c->in : 0; }
  return head;
}
/* Whether the model's name holds the word, in the first bytes after its key. */
static int asks(const char *model, const char *word) { return model && memmem(model, strnlen(model, 32), word, strlen(word)) != NULL; }
static int answer(conn *c, int n) {
  char saved = c->in[n]; c->in[n] = 0;
  char *m = strstr(c->in, "\"model\"");
  int stream = asks(m, "spaced"), hold = asks(m, "hold"), all = asks(m, "burst");
  c->in[n] = saved;
  if (all) return put(c, burst, burst_n);
  if (!stream && !hold) return put(c, json, json_n);
  char first[1024]; memcpy(first, opening, opening_n); memcpy(first + opening_n, chunk[0], chunk_n[0]);
  if (stream) { c->event = 1; c->due = now_ms() + GAP_MS; spaced[spaced_n++] = c->fd; }
  return put(c, first, opening_n + chunk_n[0]);
}
static void readable(conn *c) {
  for (;;) {
    int r = get(c);
    if (r < 0) { drop(c); return; }
    if (r == 0) return;
    c->in_len += r;
    for (int n; (n = request_len(c)) != 0;) {
      if (n < 0 || !answer(c, n)) { drop(c); return; }
      memmove(c->in, c->in + n, c->in_len - n); c->in_len -= n;
    }
    if (!c->ssl) return;
  }
}
static void tick(void) {
  long long t = now_ms();
  for (int i = spaced_n - 1; i >= 0; i--) {
    conn *c = conns[spaced[i]];
    if (c->due > t) continue;
    int ok = put(c, chunk[c->event], chunk_n[c->event]);
    c->due += GAP_MS;
    if (!ok) { drop(c); continue; }
    if (++c->event == chunks) { c->event = -1; spaced[i] = spaced[--spaced_n]; }
  }
}
static void accept_all(int l) {
  for (int fd; (fd = accept4(l, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
    if (fd >= MAXFD) { close(fd); continue; }
    int one = 1; setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    conn *c = calloc(1, sizeof *c); c->fd = fd; c->event = -1; c->in = malloc(INBUF + 1); conns[fd] = c;
    if (tls) { c->ssl = SSL_new(tls); SSL_set_fd(c->ssl, fd); SSL_set_accept_state(c->ssl); }
    struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
  }
}
int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN); build();
  if (argc == 4) {
    tls = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_file(tls, argv[2], SSL_FILETYPE_PEM) != 1 || SSL_CTX_use_PrivateKey_file(tls, argv[3], SSL_FILETYPE_PEM) != 1) { fprintf(stderr, "bad certificate or key\n"); return 1; }
  } else if (argc != 2) { fprintf(stderr, "usage: upstream PORT [CERT KEY]\n"); return 2; }
  int l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
  setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  if (bind(l, (void *)&a, sizeof a) || listen(l, 8192)) { perror("listen"); return 1; }
  ep = epoll_create1(0);
  struct epoll_event e = { .events = EPOLLIN, .data.fd = l }; epoll_ctl(ep, EPOLL_CTL_ADD, l, &e);
  printf("ready\n"); fflush(stdout);
  struct epoll_event ev[512];
  for (long long last = now_ms();;) {
    int n = epoll_wait(ep, ev, 512, spaced_n ? 2 : -1);
    for (int i = 0; i < n; i++) { if (ev[i].data.fd == l) accept_all(l); else if (conns[ev[i].data.fd]) readable(conns[ev[i].data.fd]); }
    if (spaced_n && now_ms() != last) { last = now_ms(); tick(); }
  }
}
