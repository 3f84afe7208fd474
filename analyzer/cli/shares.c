/* SPDX-License-Identifier: MIT
 *
 * Array jobs of Slurm count from where they are told to, indexed jobs of Kubernetes and ranks of MPI from 0. Shares count from 1. An
 * array that does not begin at 1 is refused rather than guessed at: with a task resubmitted alone, the numbers that are
 * missing would not show how many there are.
 */
#include "shares.h"

#include "cells.h"
#include "say.h"

#include <stdlib.h>
#include <string.h>

const char *const share_by_name[] = {"series", "hash", NULL};

/* ---- what was typed ---- */

static bool read_share_number(const char *text, uint64_t *ret)
{
    return cell_count(text, ret) && *ret && *ret <= SHARES_MAX;
}

/* "K/N", "auto/N", "auto". */
static bool read_shard(const char *text, bool *ret_auto, struct shares *ret)
{
    char word[32];
    uint64_t share = 0, count = 0;
    snprintf(word, sizeof word, "%s", text);
    char *slash = strchr(word, '/');
    if (slash)
        *slash = '\0';
    *ret_auto = strcmp(word, "auto") == 0;
    bool good = strlen(text) < sizeof word && (*ret_auto || (slash && read_share_number(word, &share))) &&
                (!slash || read_share_number(slash + 1, &count)) && share <= (slash ? count : share);
    ret->share = (unsigned)share;
    ret->count = (unsigned)count;
    return good;
}

/* ---- what the scheduler says ---- */

static bool number_in(const char *variable, uint64_t *ret)
{
    const char *text = getenv(variable);
    return text && cell_count(text, ret);
}

/* Only an array from 1 without steps tells by itself how many tasks there are. */
static void count_slurm(uint64_t *count)
{
    uint64_t min, max, tasks;
    if (number_in("SLURM_ARRAY_TASK_MIN", &min) && number_in("SLURM_ARRAY_TASK_MAX", &max) &&
        number_in("SLURM_ARRAY_TASK_COUNT", &tasks) && min == 1 && max == tasks)
        *count = tasks;
}

/* An indexed job does not tell its tasks how many they are. */
static void count_kubernetes(uint64_t *count)
{
    (void)count;
}

static void count_mpi(uint64_t *count)
{
    number_in("OMPI_COMM_WORLD_SIZE", count);
}

static const struct scheduler {
    const char *variable; /* that numbers the task */
    unsigned first;       /* from so much on */
    void (*count)(uint64_t *count);
} schedulers[] = {
    {"SLURM_ARRAY_TASK_ID", 1, count_slurm},
    {"JOB_COMPLETION_INDEX", 0, count_kubernetes},
    {"OMPI_COMM_WORLD_RANK", 0, count_mpi},
};

/* NULL: none is there. */
static const struct scheduler *find_scheduler(void)
{
    for (size_t at = 0; at < sizeof schedulers / sizeof *schedulers; at++)
        if (getenv(schedulers[at].variable))
            return &schedulers[at];
    return NULL;
}

static bool say_no(const struct scheduler *s, uint64_t count)
{
    unsigned long long last = count - 1 + s->first;
    say("--shard auto: %s=%s: tasks of %llu shards are numbered %u to %llu", s->variable, getenv(s->variable),
        (unsigned long long)count, s->first, last);
    return false;
}

static bool ask_scheduler(unsigned known, struct shares *ret)
{
    const struct scheduler *s = find_scheduler();
    uint64_t number = 0, count = 0;
    if (!s) {
        say("--shard auto: neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX nor OMPI_COMM_WORLD_RANK is "
            "set: write --shard K/N");
        return false;
    }
    s->count(&count);
    if (ret->count || known)
        count = ret->count ? ret->count : known;
    if (!count || count > SHARES_MAX) {
        say("--shard auto: the environment does not say how many shards there are: write --shard auto/N");
        return false;
    }
    if (!number_in(s->variable, &number) || number < s->first || number - s->first >= count)
        return say_no(s, count);
    ret->share = (unsigned)(number - s->first + 1);
    ret->count = (unsigned)count;
    return true;
}

/* ---- all of it ---- */

static bool read_by(const struct request *req, size_t items, struct shares *ret)
{
    const char *by = request_value(req, OPTION_by, NULL);
    ret->by = !ret->asked || items >= ret->count ? BY_SERIES : BY_HASH;
    if (by && strcmp(by, share_by_name[BY_SERIES]) != 0 && strcmp(by, share_by_name[BY_HASH]) != 0) {
        say("--by %s: series or hash", by);
        return false;
    }
    if (by && !ret->asked) {
        say("--by says how shards are cut: give --shard K/N as well");
        return false;
    }
    if (by)
        ret->by = strcmp(by, share_by_name[BY_HASH]) == 0 ? BY_HASH : BY_SERIES;
    if (ret->by == BY_HASH && ret->count > HASH_SHARES_MAX) {
        say("--shard %u/%u: by hash there are at most %d shards%s", ret->share, ret->count, HASH_SHARES_MAX,
            by ? "" : ", and by series no more than items (--plan shows them)");
        return false;
    }
    return true;
}

bool shares_of(const struct request *req, unsigned known, size_t items, struct shares *ret)
{
    const char *shard = request_value(req, OPTION_shard, NULL);
    bool automatic = false;
    *ret = (struct shares){.share = 1, .count = 1, .asked = shard != NULL};
    if (shard && !read_shard(shard, &automatic, ret)) {
        say("--shard %s: write K/N with K from 1 to N, auto, or auto/N", shard);
        return false;
    }
    return (!automatic || ask_scheduler(known, ret)) && read_by(req, items, ret);
}

/* ---- dealing ---- */

static int by_size(const void *a, const void *b, void *user)
{
    const uint64_t *work = user;
    size_t one = *(const size_t *)a, other = *(const size_t *)b;
    uint64_t x = work[one], y = work[other];
    return x != y ? (x < y) - (x > y) : (one > other) - (one < other);
}

void shares_sort(const uint64_t *work, size_t *piece, size_t pieces)
{
    if (pieces)
        qsort_r(piece, pieces, sizeof *piece, by_size, (void *)work);
}

/* A heap of shares: the one with least so far on top, of equal ones the lower number. */
struct load {
    uint64_t work;
    unsigned share;
};

static bool less(const struct load *a, const struct load *b)
{
    return a->work != b->work ? a->work < b->work : a->share < b->share;
}

static void sink(struct load *heap, unsigned count)
{
    for (unsigned at = 0, child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && less(&heap[child + 1], &heap[child]))
            child++;
        if (!less(&heap[child], &heap[at]))
            return;
        struct load swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
    }
}

int shares_deal(const uint64_t *work, size_t pieces, unsigned count, unsigned *ret_share)
{
    size_t *piece = calloc(pieces + 1, sizeof *piece);
    struct load *heap = calloc(count, sizeof *heap);
    if (!piece || !heap) {
        free(piece);
        free(heap);
        return TCA_EMEMORY;
    }
    for (size_t at = 0; at < pieces; at++)
        piece[at] = at;
    shares_sort(work, piece, pieces);
    for (unsigned at = 0; at < count; at++)
        heap[at].share = at + 1;
    for (size_t at = 0; at < pieces; at++) {
        ret_share[piece[at]] = heap[0].share;
        heap[0].work += work[piece[at]];
        sink(heap, count);
    }
    free(piece);
    free(heap);
    return 0;
}
