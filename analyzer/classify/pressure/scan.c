/* SPDX-License-Identifier: MIT
 *
 * Scans: one source that tries many ports of a host, or one port of many hosts, and wants nothing there.
 *
 *     probes of one source, in order of time, cut where it pauses --> runs
 *     a run by (host, port) --> vertical: ports of one host; horizontal: hosts with one port
 *
 * A probe is a connection without payload that failed (refused, unanswered, or reset by who asked), one that opened
 * and was closed again, or a segment of no connection. Most of a scan must fail. What else has many failures: clients
 * whose network is dead (everything is silent: no claim without another mark), programs of many peers (neither one
 * host nor one port), load balancers that probe their servers by connect() (they succeed, or as many as are down fail
 * again and again: the same few), floods of the same source (one target takes them all; they are not the scan's).
 */
#include "classify/pressure/attempt.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/sort.h"
#include "base/sorted.h"

#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

#define SECOND INT64_C(1000000000)

static const int64_t PAUSE_NS = 30 * SECOND;
enum { TARGETS_MIN = 15, ANSWERS_MIN = 3, SAME_TARGET_MAX = 20 };

static int compare_sources(const struct tca_attempt *a, const struct tca_attempt *b)
{
    return tca_compare_u64(a->client_host, b->client_host);
}

static int by_source(const void *left, const void *right)
{
    const struct tca_attempt *a = *(struct tca_attempt *const *)left,
                             *b = *(struct tca_attempt *const *)right;
    int order = compare_sources(a, b);
    return order ? order : tca_compare_begun(a, b);
}

static struct tca_digest digest_source(const void *item)
{
    const struct tca_attempt *a = *(struct tca_attempt *const *)item;
    return (struct tca_digest){a->client_host, tca_digest_i64(a->first_ns)};
}

static int by_host(const void *left, const void *right)
{
    const struct tca_attempt *a = *(struct tca_attempt *const *)left,
                             *b = *(struct tca_attempt *const *)right;
    int order = tca_compare_u64(a->server_host, b->server_host);
    if (!order)
        order = tca_compare_u64(a->server_port, b->server_port);
    return order ? order : tca_compare_u64(a->frame, b->frame);
}

static int by_port(const void *left, const void *right)
{
    const struct tca_attempt *a = *(struct tca_attempt *const *)left,
                             *b = *(struct tca_attempt *const *)right;
    int order = tca_compare_u64(a->server_port, b->server_port);
    if (!order)
        order = tca_compare_u64(a->server_host, b->server_host);
    return order ? order : tca_compare_u64(a->frame, b->frame);
}

/* ---- probes ---- */

static bool failed(const struct tca_attempt *a)
{
    return !(a->flags & TCA_TRY_ACKED) || (a->flags & TCA_TRY_REFUSED);
}

static bool is_probe(const struct tca_attempt *a)
{
    if (!a->probe || (a->flags & (TCA_TRY_ASKED | TCA_TRY_SERVED | TCA_TRY_BOTH)))
        return false;
    if (a->probe > TCA_SCAN_CONNECT || (a->flags & TCA_TRY_HEARD))
        return true;
    return a->until_ns - a->first_ns >= TCA_ATTEMPT_WATCHED_NS; /* no answer yet is none at last */
}

/* What the probes of one target group show. */
struct targets {
    struct tca_attempt **one;
    size_t count, targets, failed, failed_targets, answered, bare, same_iss, same_port, odd;
};

static bool same_target(const struct tca_attempt *a, const struct tca_attempt *b)
{
    return a->server_port == b->server_port && a->server_host == b->server_host;
}

static struct targets count_targets(struct tca_attempt **one, size_t count)
{
    struct targets t = {.one = one, .count = count};
    bool counted = false;
    for (size_t at = 0; at < count; at++) {
        const struct tca_attempt *a = one[at];
        bool other = !at || !same_target(one[at - 1], a);
        t.targets += other;
        counted = counted && !other;
        t.failed_targets += !counted && failed(a);
        counted = counted || failed(a);
        t.failed += failed(a);
        t.answered += (a->flags & TCA_TRY_HEARD) != 0;
        t.bare += (a->flags & TCA_TRY_BARE) && !(a->flags & TCA_TRY_ACKED);
        t.same_iss += at && (a->flags & TCA_TRY_SYN) && a->iss == one[0]->iss;
        t.same_port += at && a->client_port == one[0]->client_port;
        t.odd += a->probe > TCA_SCAN_CONNECT;
    }
    return t;
}

/* No ordinary TCP sends these: SYNs without options, all of one number or from one port, segments of no connection. */
static bool hand_made(const struct targets *t)
{
    size_t most = t->count - t->count / 5;
    return t->bare + t->odd >= most || t->same_iss + 1 >= most || t->same_port + 1 >= most;
}

static bool is_scan(const struct targets *t)
{
    if (t->targets < TARGETS_MIN)
        return false;
    bool mark = hand_made(t);
    bool fails = t->failed_targets >= TARGETS_MIN && 2 * t->failed >= t->count;
    return mark || (fails && t->answered >= ANSWERS_MIN);
}

/* ---- one run of a source ---- */

struct run {
    struct tca_pressure *p;
    struct tca_attempt **one, **sorted; /* in order of time; scratch of the same size */
    size_t count;
    bool scans;
};

/* Every group of probes of one host, or of one port: does one of them make this run a scan? */
static bool has_scan(struct run *r, int (*order)(const void *, const void *), bool hosts)
{
    qsort(r->sorted, r->count, sizeof(struct tca_attempt *), order);
    for (size_t at = 0, end; at < r->count; at = end) {
        const struct tca_attempt *a = r->sorted[at];
        for (end = at + 1; end < r->count; end++) {
            const struct tca_attempt *b = r->sorted[end];
            if (hosts ? a->server_host != b->server_host : a->server_port != b->server_port)
                break;
        }
        struct targets t = count_targets(&r->sorted[at], end - at);
        if (is_scan(&t))
            return true;
    }
    return false;
}

static enum tca_scan_kind kind_of_run(const struct run *r)
{
    size_t count[TCA_SCAN_KINDS] = {0};
    enum tca_scan_kind most = TCA_SCAN_NONE;
    for (size_t at = 0; at < r->count; at++)
        if (++count[r->one[at]->probe] > count[most])
            most = (enum tca_scan_kind)r->one[at]->probe;
    return most;
}

/* A SYN that only a whole TCP makes, though nobody was there to complete it. */
static void rename_connects(struct run *r)
{
    size_t calls = 0;
    for (size_t at = 0; at < r->count; at++)
        calls += r->one[at]->probe == TCA_SCAN_SYN && !(r->one[at]->flags & (TCA_TRY_BARE | TCA_TRY_RESET));
    for (size_t at = 0; at < r->count && calls; at++)
        if (r->one[at]->probe == TCA_SCAN_SYN && !(r->one[at]->flags & (TCA_TRY_BARE | TCA_TRY_RESET)))
            r->one[at]->probe = TCA_SCAN_CONNECT;
}

static int press_run(struct run *r, uint32_t ports, uint32_t hosts)
{
    for (size_t at = 0; at < r->count; at++) {
        int error = tca_press(r->p, r->one[at], TCA_PRESS_SCAN, TCA_CERTAIN);
        if (error)
            return error;
        struct tca_pressed *mine = tca_pressed_of(r->p, r->one[at]);
        mine->scan_kind = r->one[at]->probe;
        mine->scan_ports = ports;
        mine->scan_hosts = hosts;
    }
    return TCA_OK;
}

/* Different targets, ports and hosts of the run. `sorted` is left in order of ports. */
static void count_all(struct run *r, uint32_t *ret_ports, uint32_t *ret_hosts)
{
    uint32_t ports = 0, hosts = 0;
    qsort(r->sorted, r->count, sizeof(struct tca_attempt *), by_host);
    for (size_t at = 0; at < r->count; at++)
        hosts += !at || r->sorted[at - 1]->server_host != r->sorted[at]->server_host;
    qsort(r->sorted, r->count, sizeof(struct tca_attempt *), by_port);
    for (size_t at = 0; at < r->count; at++)
        ports += !at || r->sorted[at - 1]->server_port != r->sorted[at]->server_port;
    *ret_ports = ports;
    *ret_hosts = hosts;
}

static int tell_run(struct run *r)
{
    static const char *const words[TCA_SCAN_KINDS] = {"by segments of no connection",
                                                      "by SYNs that it never completes",
                                                      "by connect()",
                                                      "by ACKs of no connection",
                                                      "by FINs without ACK",
                                                      "by segments without flags",
                                                      "by FIN, PSH and URG"};
    uint32_t ports, hosts;
    count_all(r, &ports, &hosts);
    rename_connects(r);
    const struct tca_attempt *first = r->one[0], *last = r->one[r->count - 1];
    struct tca_incident in = {.id = TCA_portscan,
                              .confidence = TCA_CERTAIN,
                              .scope = TCA_SCOPE_HOST,
                              .capture = first->capture,
                              .family = first->family,
                              .first_ns = first->first_ns,
                              .last_ns = last->first_ns,
                              .flows = r->count,
                              .peers = hosts,
                              .value = (int64_t)ports,
                              .unit = "count"};
    memcpy(in.addr, tca_client_of(r->p->hosts, first), sizeof in.addr);
    for (size_t at = 0; at < r->count && in.frame_count + 1 < TCA_PROOF_MAX; at++)
        tca_incident_prove(&in, r->one[at]->frame);
    tca_incident_prove(&in, last->frame);
    struct tca_buf whom = {0};
    if (hosts == 1)
        tca_anon_ip(&whom, r->p->anon, tca_server_of(r->p->hosts, first), first->family);
    else
        tca_buf_fmt(&whom, "%u hosts", hosts);
    tca_incident_say(&in, "This host tried %u port%s of %s in %llu attempts, mostly %s.%s", ports,
                     ports == 1 ? "" : "s", tca_buf_text(&whom), (unsigned long long)r->count,
                     words[kind_of_run(r)], tca_in_part(r->p));
    tca_buf_done(&whom);
    int error = tca_incidents_add(r->p->incidents, &in);
    return error ? error : press_run(r, ports, hosts);
}

/* What goes to one target all the time is no scan; what is left stays in order of time. */
static void leave_out_floods(struct run *r)
{
    size_t count = 0;
    uint32_t serial = ++r->p->serial;
    memcpy(r->sorted, r->one, r->count * sizeof(struct tca_attempt *));
    qsort(r->sorted, r->count, sizeof(struct tca_attempt *), by_host);
    for (size_t at = 0, end; at < r->count; at = end) {
        for (end = at + 1; end < r->count && same_target(r->sorted[at], r->sorted[end]);)
            end++;
        for (size_t same = at; same < end && end - at <= SAME_TARGET_MAX; same++)
            r->sorted[same]->seen = serial;
    }
    for (size_t at = 0; at < r->count; at++)
        if (r->one[at]->seen == serial)
            r->one[count++] = r->one[at];
    r->count = count;
}

static int read_run(struct run *r)
{
    if (r->count < TARGETS_MIN)
        return TCA_OK;
    leave_out_floods(r);
    if (r->count < TARGETS_MIN)
        return TCA_OK;
    memcpy(r->sorted, r->one, r->count * sizeof(struct tca_attempt *));
    return has_scan(r, by_host, true) || has_scan(r, by_port, false) ? tell_run(r) : TCA_OK;
}

/* ---- all sources ---- */

int tca_scan_read(struct tca_pressure *p)
{
    struct tca_attempt **one = tca_grow(NULL, 2 * p->attempts, sizeof(struct tca_attempt *));
    size_t count = 0;
    int error = one ? TCA_OK : TCA_EMEMORY;
    for (size_t at = 0; at < p->attempts && !error; at++)
        if (is_probe(&p->attempt[at]))
            one[count++] = &p->attempt[at];
    tca_sort(one, count, sizeof(struct tca_attempt *), digest_source, by_source);
    for (size_t at = 0, end; at < count && !error; at = end) {
        for (end = at + 1; end < count && !compare_sources(one[end - 1], one[end]) &&
                           one[end]->first_ns - one[end - 1]->first_ns <= PAUSE_NS;)
            end++;
        struct run r = {.p = p, .one = one + at, .sorted = one + p->attempts, .count = end - at};
        error = read_run(&r);
    }
    tca_free(one);
    return error;
}
