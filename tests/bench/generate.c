/* SPDX-License-Identifier: MIT
 *
 * generate KIND [--packets N] [--alive N] [--seed N] [--pcapng] [-o FILE]
 *
 * Writes a capture for measurements to FILE, else to standard output: the same bytes for the same arguments, on every
 * machine. One line on standard error tells what is in it.
 *
 *     mixed   many connections of all sizes and fates, 96 bytes of each packet
 *     flood   SYNs, each from another source
 *     big     few connections (100) that never end, 96 bytes of each packet
 *     full    as mixed, whole packets
 */
#include "savefile.h"
#include "traffic.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct kind {
    const char *name;
    enum traffic_kind traffic;
    uint32_t snaplen;
    uint64_t packets_per_flow; /* for each so many packets one connection is alive at once, */
    uint32_t alive;            /* or so many always */
} kinds[] = {
    {"mixed", TRAFFIC_MIXED, 96, 200, 0},
    {"flood", TRAFFIC_FLOOD, 96, 0, 1},
    {"big", TRAFFIC_BIG, 96, 0, 100},
    {"full", TRAFFIC_MIXED, 262144, 1200, 0},
};

struct task {
    const struct kind *kind;
    uint64_t packets, alive, seed;
    bool pcapng;
    const char *path; /* NULL: standard output */
};

static bool number(const char *text, uint64_t *ret_value)
{
    char *end;

    errno = 0;
    *ret_value = text ? strtoull(text, &end, 10) : 0;
    return text && *text >= '0' && *text <= '9' && !*end && !errno;
}

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; name && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

static bool read_arguments(char **argument, struct task *task)
{
    struct {
        const char *name;
        uint64_t *value;
    } numbers[] = {{"--packets", &task->packets}, {"--alive", &task->alive}, {"--seed", &task->seed}};

    task->kind = *argument ? find_kind(*argument++) : NULL;
    for (; *argument; argument++) {
        size_t i = 0;
        while (i < 3 && strcmp(*argument, numbers[i].name) != 0)
            i++;
        if (i < 3 ? !number(*++argument, numbers[i].value) : false)
            return false;
        if (i < 3)
            continue;
        if (strcmp(*argument, "--pcapng") == 0)
            task->pcapng = true;
        else if (strcmp(*argument, "-o") != 0 || !(task->path = *++argument))
            return false;
    }
    return task->kind && task->packets && task->alive <= 1u << 24;
}

static uint32_t choose_alive(const struct task *task)
{
    uint64_t alive = task->alive ? task->alive : task->kind->alive;

    if (!alive)
        alive = task->packets / task->kind->packets_per_flow;
    return alive < 1 ? 1 : alive > 1u << 24 ? 1u << 24 : (uint32_t)alive;
}

static bool write_capture(const struct task *task, struct traffic *traffic, struct savefile *out)
{
    struct tca_buf frame = {0};
    int64_t first = 0, last = 0;

    savefile_begin(out);
    while (out->packets < task->packets && !out->failed) {
        last = traffic_next(traffic, &frame);
        if (!out->packets)
            first = last;
        out->failed |= frame.failed;
        savefile_packet(out, last, &frame);
    }
    savefile_end(out);
    tca_buf_done(&frame);
    const struct traffic_truth *truth = traffic_truth(traffic);
    fprintf(stderr,
            "packets=%" PRIu64 " bytes=%" PRIu64 " seconds=%" PRId64 " flows=%" PRIu64 " ipv6=%" PRIu64
            " vlan=%" PRIu64 " reused=%" PRIu64 " silent=%" PRIu64 " refused=%" PRIu64 " laddered=%" PRIu64
            " reset=%" PRIu64 " left=%" PRIu64 " lost=%" PRIu64 " reordered=%" PRIu64 "\n",
            out->packets, out->bytes, (last - first) / 1000000, truth->flows, truth->v6, truth->vlan,
            truth->reused, truth->silent, truth->refused, truth->laddered, truth->reset, truth->left,
            truth->lost, truth->reordered);
    return !out->failed;
}

static int generate(const struct task *task, FILE *file)
{
    struct traffic_settings settings = {
        .kind = task->kind->traffic, .alive = choose_alive(task), .seed = task->seed};
    struct savefile out = {.file = file, .snaplen = task->kind->snaplen, .pcapng = task->pcapng};
    struct traffic *traffic = traffic_new(&settings);
    bool done = traffic && write_capture(task, traffic, &out);

    traffic_free(traffic);
    if (file != stdout && fclose(file))
        done = false;
    if (!done)
        fprintf(stderr, "generate: %s: %s\n", task->path ? task->path : "standard output",
                traffic ? strerror(errno) : "out of memory");
    return done ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct task task = {.packets = 1000000, .seed = 1};

    if (argc < 1 || !read_arguments(argv + 1, &task)) {
        fprintf(stderr, "usage: generate mixed|flood|big|full [--packets N] [--alive N] [--seed N] "
                        "[--pcapng] [-o FILE]\n");
        return 2;
    }
    FILE *file = task.path ? fopen(task.path, "wb") : stdout;
    if (!file) {
        fprintf(stderr, "generate: %s: %s\n", task.path, strerror(errno));
        return 1;
    }
    return generate(&task, file);
}
