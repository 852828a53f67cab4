/* The bench's network program: the far end, the bare measurement, and the measurement as a function.
 *
 *   probe serve PORT              the far end: reads whatever comes, and answers the first byte of a connection
 *   probe connect ADDRESS PORT N  median nanoseconds of N connects, one after the other
 *   probe send ADDRESS PORT MS    bytes a second over one connection
 *   probe hold ADDRESS PORT MS    one connection, open for so long; 1 if it was answered
 *
 * Without arguments it is a custom runtime whose events are such lines, in the place of arguments.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static long long now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int dial(const char *address, int port, long long *took) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, address, &to.sin_addr);
    int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    long long start = now_ns();
    if (connect(socket_fd, (struct sockaddr *)&to, sizeof to) != 0) fail("connect");
    *took = now_ns() - start;
    return socket_fd;
}

/* Closed at once, so that thousands in a row leave no port waiting. */
static void reset(int socket_fd) {
    struct linger at_once = {.l_onoff = 1};
    setsockopt(socket_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(socket_fd);
}

static int ascending(const void *a, const void *b) {
    long long x = *(const long long *)a, y = *(const long long *)b;
    return (x > y) - (x < y);
}

static long long connects(const char *address, int port, int count) {
    long long *took = calloc(count, sizeof *took);
    for (int i = 0; i < count; i++) reset(dial(address, port, &took[i]));
    qsort(took, count, sizeof *took, ascending);
    long long median = took[count / 2];
    free(took);
    return median;
}

static long long throughput(const char *address, int port, int ms) {
    static char block[256 * 1024];
    long long took, sent = 0;
    int socket_fd = dial(address, port, &took);
    long long start = now_ns(), end = start + ms * 1000000LL;
    while (now_ns() < end) {
        ssize_t count = write(socket_fd, block, sizeof block);
        if (count < 0) fail("write");
        sent += count;
    }
    double seconds = (now_ns() - start) / 1e9;
    reset(socket_fd);
    return sent / seconds;
}

static long long hold(const char *address, int port, int ms) {
    long long took;
    char byte = '!';
    int socket_fd = dial(address, port, &took);
    if (write(socket_fd, &byte, 1) != 1 || read(socket_fd, &byte, 1) != 1) return 0;
    usleep(ms * 1000);
    close(socket_fd);
    return 1;
}

static long long measure(const char *line) {
    char what[16], address[64];
    int port, number;
    if (sscanf(line, "%15s %63s %d %d", what, address, &port, &number) != 4) return -1;
    if (!strcmp(what, "connect")) return connects(address, port, number);
    if (!strcmp(what, "send")) return throughput(address, port, number);
    return hold(address, port, number);
}

/* Reads and throws away. */
static void serve(int port) {
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 4096)) fail("listen");
    static struct pollfd all[8192];
    static char block[256 * 1024], answered[8192];
    int count = 1;
    all[0] = (struct pollfd){.fd = listener, .events = POLLIN};
    for (;;) {
        if (poll(all, count, -1) < 0) fail("poll");
        for (int i = count - 1; i > 0; i--) {
            if (!all[i].revents) continue;
            ssize_t length = read(all[i].fd, block, sizeof block);
            if (length > 0 && !answered[i]) answered[i] = write(all[i].fd, block, 1) == 1;
            if (length > 0) continue;
            close(all[i].fd);
            count--;
            all[i] = all[count];
            answered[i] = answered[count];
        }
        if ((all[0].revents & POLLIN) && count < 8192) {
            all[count].fd = accept(listener, NULL, NULL);
            all[count].events = POLLIN;
            all[count].revents = 0;
            answered[count++] = 0;
        }
    }
}

/* One request to the Runtime API; the head and body of its answer end with a zero. */
static void call(const char *request, char *answer, size_t room) {
    long long took;
    size_t filled = 0;
    int api = dial("127.0.0.1", 9001, &took);
    if (write(api, request, strlen(request)) < 0) fail("write");
    ssize_t count;
    while (filled < room - 1 && (count = read(api, answer + filled, room - 1 - filled)) > 0) filled += count;
    answer[filled] = 0;
    close(api);
}

static void run_as_function(void) {
    static char event[65536], request[4096], reply[4096];
    for (;;) {
        char id[64] = "", *head;
        long long result;
        char number[32];
        call("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", event, sizeof event);
        head = strcasestr(event, "lambda-runtime-aws-request-id:");
        if (!head) exit(1);
        sscanf(head + 30, " %63[^\r\n]", id);
        char *body = strstr(event, "\r\n\r\n");
        result = measure(body ? body + 5 : "");
        snprintf(number, sizeof number, "%lld", result);
        snprintf(request, sizeof request,
                 "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                 "Content-Length: %zu\r\n\r\n%s", id, strlen(number), number);
        call(request, reply, sizeof reply);
    }
}

int main(int count, char **words) {
    char line[256];
    signal(SIGPIPE, SIG_IGN);
    if (count == 1) run_as_function();
    if (count == 3) serve(atoi(words[2]));
    if (count != 5) return 2;
    snprintf(line, sizeof line, "%s %s %s %s", words[1], words[2], words[3], words[4]);
    printf("%lld\n", measure(line));
    return 0;
}
