/* SPDX-License-Identifier: MIT
 *
 *     43% of 1.2 GB, 120/279 items, 2.4 M packets/s, 81204 flows, 0:12 left
 *
 * Bytes are as stored; of a compressed item as many as its share by what came out of it so far, which no more than its size.
 */
#include "progress.h"

#include <stdio.h>
#include <time.h>

enum { EVERY_NS = 500000000 };

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

void progress_begin(struct progress *p, bool shown)
{
    p->shown = shown;
    p->began_ns = now_ns();
    p->told_ns = 0;
}

static void put_left(double seconds)
{
    unsigned left = seconds < 0 || seconds > 1e8 ? 0 : (unsigned)(seconds + 0.5);
    if (left >= 3600)
        fprintf(stderr, ", %u:%02u:%02u left", left / 3600, left / 60 % 60, left % 60);
    else
        fprintf(stderr, ", %u:%02u left", left / 60, left % 60);
}

void progress_tell(struct progress *p, const struct progress_now *now)
{
    int64_t time = now_ns();
    if (!p->shown || (p->told_ns && time - p->told_ns < EVERY_NS))
        return;
    p->told_ns = time;
    double seconds = (double)(time - p->began_ns) / 1e9;
    double part = p->bytes ? (double)now->bytes / (double)p->bytes : 1;
    double rate = seconds > 0 ? (double)now->packets / seconds : 0;
    fprintf(stderr, "\r\033[K%.0f%%, %zu/%zu items, %.1f %s packets/s, %llu flows",
            100 * (part > 1 ? 1 : part), p->items_before + now->items, p->items,
            rate >= 1e6 ? rate / 1e6 : rate / 1e3, rate >= 1e6 ? "M" : "k", (unsigned long long)now->flows);
    if (part > 0.01 && part <= 1)
        put_left(seconds / part - seconds);
    fflush(stderr);
}

void progress_clear(struct progress *p)
{
    if (p->shown && p->told_ns)
        fputs("\r\033[K", stderr);
    p->told_ns = 0;
}
