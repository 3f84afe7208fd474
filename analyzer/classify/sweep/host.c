/* SPDX-License-Identifier: MIT
 *
 * Hosts out of dossiers.
 *
 * A system is recognized by marks that come from different parts of its code, and only where none speaks against it:
 * another system may imitate one of them, and one address may hide several. What they show is only counted, so the order in
 * which dossiers come cannot matter. Hosts are found by a hash with a seed of the run's own, and nothing depends on it.
 *
 * Checked against Linux tcp_options_write(), tcp_select_initial_window(), ip_select_ident_segs() (5.10 to 7.2).
 */
#include "classify/sweep/host.h"

#include "base/alloc.h"
#include "base/bits.h"
#include "base/seed.h"
#include "base/sort.h"
#include "base/sorted.h"
#include "classify/read/rungs.h"
#include "classify/sweep/place.h"
#include "mirror/deviations.h"

#include <string.h>
#include <tcpautopsy/error.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { IDS_MIN = 3 }; /* connections that calibrate IP IDs */
enum { MARKS = 4 };   /* kinds of enum tca_os_mark */

/* What one end of one connection shows. */
struct trait {
    uint8_t agrees, denies;  /* enum tca_os_mark bits */
    bool ids_count, ids_odd; /* as server: the calibration holds, or does not */
    bool old_echo;
    bool routed, unrouted;
    bool heard, both_ways; /* segments of this end are here; of the other end as well */
    bool unheard;          /* none of this end is, though the other end acknowledged some */
    uint8_t ttl;           /* of its SYN or SYN+ACK; 0: none */
};

/* What is counted of a host. */
enum {
    AGREE,                /* a count for each mark */
    DENY = AGREE + MARKS, /* likewise */
    IDS_COUNT = DENY + MARKS,
    IDS_ODD,
    ROUTED,
    UNROUTED,
    COUNTS,
};

/* All that the ends of one host showed, until run. Most hosts show little, and who invents them makes them without number. */
struct tally {
    uint8_t few[COUNTS]; /* the lowest eight bits of each count */
    uint8_t stamps;      /* of its clock: none, one, more */
    uint32_t many;       /* place of the others, plus one; 0: they are zero */
};
struct many {
    uint32_t count[COUNTS];
};

/* The tag stands beside the number, so that only the host that is looked for is touched. */
struct slot {
    uint32_t host; /* 1 and its number; 0: free */
    uint32_t tag;  /* of its hash */
};

struct tca_hosts {
    enum tca_vantage user;
    struct tca_host *host; /* owned; as they were met, from run on in order */
    size_t hosts, host_room;
    struct tally *tally; /* owned; of each, as they were met */
    size_t tally_room;
    struct many *many; /* owned */
    size_t manys, many_room;
    uint32_t *rank;    /* owned, from run on: of the number by which each was met */
    struct slot *slot; /* owned; less than half are used */
    size_t slots;
    uint64_t seed;
    struct tca_places places;
    struct tca_clocks clocks;
    struct tca_host unseen; /* of an address that was never added: what is known of every host */
};

/* ---- marks of a system ---- */

/* The order in which Linux writes the options that this side sent; fast open, MPTCP and padding follow. */
static unsigned linux_order(const struct tca_side *side, uint8_t order[TCA_OPTION_ORDER_MAX])
{
    unsigned count = 0;
    bool ts = memchr(side->order, TCA_OPTION_TS, side->order_count) != NULL;
    order[count++] = TCA_OPTION_MSS;
    if (ts && !side->sack_ok)
        order[count++] = TCA_OPTION_NOP, order[count++] = TCA_OPTION_NOP;
    if (!ts && side->sack_ok)
        order[count++] = TCA_OPTION_NOP, order[count++] = TCA_OPTION_NOP;
    if (side->sack_ok)
        order[count++] = TCA_OPTION_SACK_OK;
    if (ts)
        order[count++] = TCA_OPTION_TS;
    if (side->has_wscale)
        order[count++] = TCA_OPTION_NOP, order[count++] = TCA_OPTION_WSCALE;
    return count;
}

/* Systems differ only in where the window scale stands among at least one more. */
static void mark_options(const struct tca_side *side, struct trait *t)
{
    uint8_t order[TCA_OPTION_ORDER_MAX];
    bool ts = memchr(side->order, TCA_OPTION_TS, side->order_count) != NULL;
    if (!side->has_mss || !side->has_wscale || (!ts && !side->sack_ok))
        return;
    unsigned count = linux_order(side, order);
    bool same = count <= side->order_count && !memcmp(order, side->order, count);
    *(same ? &t->agrees : &t->denies) |= TCA_OS_OPTIONS;
}

/* A first TTL is one of these, unless somebody chose another. */
static bool is_first_ttl(uint8_t ttl)
{
    return ttl == 32 || ttl == 64 || ttl == 128 || ttl == 255;
}

static void mark_ttl(uint8_t ttl, struct trait *t)
{
    t->unrouted = is_first_ttl(ttl);
    t->routed = !t->unrouted;
    if (ttl > 64)
        t->denies |= TCA_OS_TTL;
    else if (ttl > 32)
        t->agrees |= TCA_OS_TTL;
}

/* A program may set its buffer, so another window denies nothing. */
static void mark_window(const struct tca_side *side, const struct tca_mark *first, struct trait *t)
{
    enum { TS_BYTES = 12, SEGMENTS_MIN = 4, BIG = 16384 };
    for (int less = 0; less <= TS_BYTES; less += TS_BYTES) {
        unsigned size = side->has_mss && side->mss > 200 ? side->mss - (unsigned)less : 0;
        if (size && first->window % size == 0 && (first->window / size >= SEGMENTS_MIN || size > BIG))
            t->agrees |= TCA_OS_WINDOW;
    }
}

/* A segment that only a full socket sends. */
static bool full_socket(const struct tca_mark *mark)
{
    bool opening = (mark->flags & TCA_SYN) != 0;
    return !mark->witness && !(mark->flags & TCA_RST) && !(mark->roles & TCA_MARK_ICMP) &&
           (opening ? !(mark->flags & TCA_ACK) : mark->len > 0);
}

/* IP IDs of full sockets: each ahead of the one before, by no more than the segments sent. */
struct ids {
    unsigned steps, odd, zero;
};

static struct ids ids_of(const struct tca_dossier *d, int role)
{
    struct ids ids = {0};
    const struct tca_mark *before = NULL;
    for (unsigned at = 0; at < d->mark_count; at++) {
        const struct tca_mark *mark = &d->mark[at];
        if (mark->side != role || !mark->has_ip_id || !full_socket(mark))
            continue;
        ids.zero += mark->ip_id == 0;
        if (before) {
            uint16_t step = (uint16_t)(mark->ip_id - before->ip_id);
            bool counts = step > 0 && step <= d->m.side[role].pkts;
            *(counts ? &ids.steps : &ids.odd) += 1;
        }
        before = mark;
    }
    return ids;
}

/* The child is another socket than the request, so its own segments are compared: its payload among itself. */
static void mark_ids(const struct tca_dossier *d, int role, const struct tca_mark *first, struct trait *t)
{
    if (!first->has_ip_id)
        return;
    struct ids ids = ids_of(d, role);
    bool server = role == TCA_SERVER;
    bool fin_counts = false;
    const struct tca_mark *data = tca_dossier_mark(d, TCA_MARK_FIRST_DATA, role, 0),
                          *fin = tca_dossier_mark(d, TCA_MARK_FIN, role, 0);
    if (data && fin && fin->frame > data->frame && data->ip_id && fin->ip_id) {
        uint16_t step = (uint16_t)(fin->ip_id - data->ip_id);
        fin_counts = step > 0 && step <= d->m.side[role].pkts;
    }
    bool counts = (ids.steps || fin_counts) && !ids.odd && ids.zero == 0;
    if (counts && (!server || first->ip_id == 0))
        t->agrees |= TCA_OS_IP_ID;
    if (!server || d->m.client_synack || d->m.server_syn_bare)
        return;
    t->ids_count = counts && first->ip_id == 0;
    t->ids_odd = first->ip_id != 0 || ids.zero > 0 || ids.odd > ids.steps;
}

static bool named_an_ack(const struct tca_dossier *d)
{
    struct tca_ladder ladder;
    tca_ladder_read(d, &ladder);
    return ladder.named != NULL;
}

/* A connection of which all that this end sent is missing. A number alone that is acknowledged may be a scanner's. */
static bool is_unheard(const struct tca_mirror *m, int role)
{
    const struct tca_side *peer = &m->side[1 - role];
    return !m->side[role].pkts && peer->acked_known && (peer->syn_count || m->side[role].missed_bytes);
}

static struct trait trait_of(const struct tca_dossier *d, int role)
{
    struct trait t = {.heard = d->m.side[role].pkts > 0,
                      .both_ways = d->m.side[0].pkts && d->m.side[1].pkts,
                      .unheard = is_unheard(&d->m, role)};
    const struct tca_mark *first =
        tca_dossier_mark(d, role == TCA_CLIENT ? TCA_MARK_SYN : TCA_MARK_SYNACK, role, 0);
    if (first) {
        mark_options(&d->m.side[role], &t);
        t.ttl = first->ttl;
        mark_ttl(first->ttl, &t);
        mark_window(&d->m.side[role], first, &t);
        mark_ids(d, role, first, &t);
        t.old_echo = role == TCA_SERVER && d->m.side[role].synack_count > 1 && named_an_ack(d);
    }
    return t;
}

/* One more. 0 or TCA_EMEMORY. */
static int count(struct tca_hosts *hosts, struct tally *sum, unsigned what)
{
    if (++sum->few[what])
        return TCA_OK;
    if (!sum->many) {
        void *list = tca_room(hosts->many, hosts->manys, &hosts->many_room, sizeof *hosts->many);
        if (!list)
            return TCA_EMEMORY;
        hosts->many = list;
        hosts->many[hosts->manys] = (struct many){{0}};
        sum->many = (uint32_t)++hosts->manys;
    }
    hosts->many[sum->many - 1].count[what]++;
    return TCA_OK;
}

static uint64_t counted(const struct tca_hosts *hosts, const struct tally *sum, unsigned what)
{
    return sum->few[what] + (sum->many ? 256 * (uint64_t)hosts->many[sum->many - 1].count[what] : 0);
}

static int count_trait(struct tca_hosts *hosts, struct tally *sum, const struct trait *t)
{
    unsigned shown = t->agrees | (unsigned)t->denies << DENY | (unsigned)t->ids_count << IDS_COUNT |
                     (unsigned)t->ids_odd << IDS_ODD | (unsigned)t->routed << ROUTED |
                     (unsigned)t->unrouted << UNROUTED;
    int error = TCA_OK;
    for (; shown && !error; shown &= shown - 1)
        error = count(hosts, sum, tca_lowest_bit(shown));
    return error;
}

static void note_trait(struct tca_host *host, const struct trait *t)
{
    if (t->ttl && (!host->ttl_least || t->ttl < host->ttl_least))
        host->ttl_least = t->ttl;
    if (t->ttl > host->ttl_most)
        host->ttl_most = t->ttl;
    host->heard |= t->heard;
    host->unheard |= t->unheard;
    host->both_ways |= t->both_ways;
    if (t->old_echo)
        host->echo = TCA_ECHO_OLD;
}

/* ---- hosts by address ---- */

static uint64_t hash_of(const struct tca_hosts *hosts, uint32_t capture, const uint8_t addr[16])
{
    return XXH3_64bits_withSeed(addr, 16, hosts->seed + capture);
}

/* Where the host is, or the free slot where it would be with this tag. There is one. */
static struct slot *slot_of(const struct tca_hosts *hosts, uint32_t capture, const uint8_t addr[16],
                            uint32_t *ret_tag)
{
    uint64_t hash = hash_of(hosts, capture, addr);
    *ret_tag = (uint32_t)(hash >> 32);
    for (size_t at = (size_t)hash;; at++) {
        struct slot *slot = &hosts->slot[at & (hosts->slots - 1)];
        if (!slot->host)
            return slot;
        const struct tca_host *host = slot->tag == *ret_tag ? &hosts->host[slot->host - 1] : NULL;
        if (host && host->capture == capture && !memcmp(host->addr, addr, sizeof host->addr))
            return slot;
    }
}

static int grow_slots(struct tca_hosts *hosts)
{
    enum { FIRST = 256 };
    struct slot *old = hosts->slot;
    size_t slots = hosts->slots ? 2 * hosts->slots : FIRST;
    struct slot *slot = tca_alloc(slots * sizeof *slot);
    if (!slot)
        return TCA_EMEMORY;
    hosts->slot = slot;
    hosts->slots = slots;
    for (size_t at = 0; at < hosts->hosts; at++) {
        uint32_t tag;
        struct slot *place = slot_of(hosts, hosts->host[at].capture, hosts->host[at].addr, &tag);
        *place = (struct slot){.host = (uint32_t)(at + 1), .tag = tag};
    }
    tca_free(old);
    return TCA_OK;
}

static int add_host(struct tca_hosts *hosts, const struct tca_dossier *d, int role, struct slot *slot,
                    uint32_t tag)
{
    if (hosts->hosts + 1 >= TCA_NO_HOST)
        return TCA_EMEMORY;
    void *host = tca_room(hosts->host, hosts->hosts, &hosts->host_room, sizeof *hosts->host);
    hosts->host = host ? host : hosts->host;
    void *tally = tca_room(hosts->tally, hosts->hosts, &hosts->tally_room, sizeof *hosts->tally);
    hosts->tally = tally ? tally : hosts->tally;
    if (!host || !tally)
        return TCA_EMEMORY;
    struct tca_host *one = &hosts->host[hosts->hosts];
    hosts->tally[hosts->hosts] = (struct tally){0};
    *one = (struct tca_host){.family = d->family, .capture = d->capture, .met = (uint32_t)hosts->hosts};
    memcpy(one->addr, d->addr[role], sizeof one->addr);
    *slot = (struct slot){.host = (uint32_t)++hosts->hosts, .tag = tag};
    return TCA_OK;
}

/* The number of this end's host, from now on in the dossier. */
static int meet(struct tca_hosts *hosts, struct tca_dossier *d, int role)
{
    int error = 2 * hosts->hosts >= hosts->slots ? grow_slots(hosts) : TCA_OK;
    if (error)
        return error;
    uint32_t tag;
    struct slot *slot = slot_of(hosts, d->capture, d->addr[role], &tag);
    if (!slot->host)
        error = add_host(hosts, d, role, slot, tag);
    if (!error)
        d->host[role] = slot->host - 1;
    return error;
}

/* ---- taking in ---- */

int tca_hosts_new(enum tca_vantage user, struct tca_hosts **ret_hosts)
{
    struct tca_hosts *hosts = tca_alloc(sizeof *hosts);
    if (!hosts)
        return TCA_EMEMORY;
    hosts->user = user;
    hosts->seed = tca_random_seed(hosts);
    *ret_hosts = hosts;
    return TCA_OK;
}

int tca_hosts_meet(struct tca_hosts *hosts, struct tca_dossier *d)
{
    int error = meet(hosts, d, TCA_CLIENT);
    return error ? error : meet(hosts, d, TCA_SERVER);
}

uint32_t tca_hosts_met(const struct tca_hosts *hosts, uint32_t capture, const uint8_t addr[16])
{
    uint32_t tag, host = hosts->slots ? slot_of(hosts, capture, addr, &tag)->host : 0;
    return host ? host - 1 : TCA_NO_HOST;
}

int tca_hosts_add(struct tca_hosts *hosts, const struct tca_dossier *d)
{
    int error = TCA_OK;
    for (int role = 0; role < 2 && !error; role++) {
        struct trait t = trait_of(d, role);
        error = count_trait(hosts, &hosts->tally[d->host[role]], &t);
        note_trait(&hosts->host[d->host[role]], &t);
    }
    if (!error)
        error = tca_places_add(&hosts->places, d);
    return error ? error : tca_clocks_add(&hosts->clocks, d);
}

/* ---- all flows are in ---- */

static int compare_hosts(const void *left, const void *right)
{
    const struct tca_host *a = left, *b = right;
    int order = tca_compare_u64(a->capture, b->capture);
    return order ? order : memcmp(a->addr, b->addr, sizeof a->addr);
}

static struct tca_digest digest_host(const void *item)
{
    const struct tca_host *host = item;
    return tca_digest_place(host->capture, host->addr, 0);
}

/* One mark is shared with other systems; TTL and window together as well. */
static enum tca_os system_of(unsigned agree, unsigned deny)
{
    const unsigned own_way = TCA_OS_OPTIONS | TCA_OS_IP_ID;
    if (deny)
        return (deny & TCA_OS_OPTIONS) || !agree ? TCA_OS_OTHER : TCA_OS_UNKNOWN;
    return (agree & own_way) && (agree & ~own_way || agree == own_way) ? TCA_OS_LINUX : TCA_OS_UNKNOWN;
}

static void tell_system(const struct tca_hosts *hosts, struct tca_host *host, const struct tally *sum)
{
    unsigned agree = 0, deny = 0;
    for (unsigned bit = 0; bit < MARKS; bit++)
        if (tca_prevails(counted(hosts, sum, AGREE + bit), counted(hosts, sum, DENY + bit)))
            agree |= 1u << bit;
        else if (counted(hosts, sum, DENY + bit))
            deny |= 1u << bit;
    host->os = system_of(agree, deny);
    host->os_marks = (uint8_t)tca_count_bits(host->os == TCA_OS_OTHER ? deny : agree);
}

static void settle_host(const struct tca_hosts *hosts, struct tca_host *host, const struct tally *sum)
{
    uint64_t ids = counted(hosts, sum, IDS_COUNT);
    host->ids_tell = ids >= IDS_MIN && tca_prevails(ids, counted(hosts, sum, IDS_ODD));
    host->routed = tca_prevails(counted(hosts, sum, ROUTED), counted(hosts, sum, UNROUTED));
    tell_system(hosts, host, sum);
}

static int order_hosts(struct tca_hosts *hosts)
{
    hosts->rank = tca_grow(NULL, hosts->hosts, sizeof *hosts->rank);
    if (!hosts->rank)
        return TCA_EMEMORY;
    for (size_t at = 0; at < hosts->hosts; at++)
        settle_host(hosts, &hosts->host[at], &hosts->tally[at]);
    tca_sort(hosts->host, hosts->hosts, sizeof *hosts->host, digest_host, compare_hosts);
    for (size_t at = 0; at < hosts->hosts; at++)
        hosts->rank[hosts->host[at].met] = (uint32_t)at;
    for (size_t at = 0; at < hosts->slots; at++)
        if (hosts->slot[at].host)
            hosts->slot[at].host = hosts->rank[hosts->slot[at].host - 1] + 1;
    return TCA_OK;
}

/* No more are met. */
static void give_back(struct tca_hosts *hosts)
{
    void *less = hosts->hosts ? tca_grow(hosts->host, hosts->hosts, sizeof *hosts->host) : NULL;
    hosts->host = less ? less : hosts->host;
    hosts->host_room = less ? hosts->hosts : hosts->host_room;
    tca_free(hosts->tally);
    tca_free(hosts->many);
    hosts->tally = NULL;
    hosts->many = NULL;
}

/* Where no connection of a capture was seen in both directions, and one of them had another, the capture point lies on the
 * way of one direction, whichever the hosts. */
static void tell_one_way(struct tca_host *host, size_t count)
{
    bool both = false, unheard = false;
    for (size_t at = 0; at < count; at++) {
        both |= host[at].both_ways;
        unheard |= host[at].unheard;
    }
    for (size_t at = 0; at < count && unheard && !both; at++)
        host[at].unheard = true;
}

static void tell_directions(struct tca_hosts *hosts)
{
    for (size_t at = 0, end; at < hosts->hosts; at = end) {
        for (end = at + 1; end < hosts->hosts && hosts->host[end].capture == hosts->host[at].capture;)
            end++;
        tell_one_way(&hosts->host[at], end - at);
    }
}

static void tell_locals(struct tca_hosts *hosts)
{
    for (size_t at = 0; at < hosts->places.places; at++)
        for (int end = 0; end < 2 && hosts->places.place[at].proved; end++) {
            const struct tca_place *place = &hosts->places.place[at];
            struct tca_host *host = &hosts->host[place->host[end]];
            host->local |= place->near[end];
            host->peers_local |= place->near[1 - end];
        }
}

/* A stamp that is its host's only one is alone, and needs no order. */
static void leave_out_lone(struct tca_hosts *hosts)
{
    struct tca_clocks *clocks = &hosts->clocks;
    size_t kept = 0;
    for (size_t at = 0; at < clocks->count; at++) {
        struct tally *sum = &hosts->tally[clocks->stamp[at].host];
        if (sum->stamps < 2)
            sum->stamps++;
    }
    for (size_t at = 0; at < clocks->count; at++) {
        struct tca_clock_stamp stamp = clocks->stamp[at];
        bool lone = hosts->tally[stamp.host].stamps == 1;
        stamp.host = hosts->rank[stamp.host];
        stamp.peer = hosts->rank[stamp.peer];
        if (lone)
            hosts->host[stamp.host].clock = tca_clock_kind(&stamp, 1);
        else
            clocks->stamp[kept++] = stamp;
    }
    clocks->count = kept;
}

static void tell_clocks(struct tca_hosts *hosts)
{
    const struct tca_clocks *clocks = &hosts->clocks;
    leave_out_lone(hosts);
    tca_clocks_sort(&hosts->clocks);
    for (size_t at = 0, count; at < clocks->count; at += count) {
        count = tca_clocks_group(clocks, at);
        hosts->host[clocks->stamp[at].host].clock = tca_clock_kind(&clocks->stamp[at], count);
    }
    tca_clocks_done(&hosts->clocks);
}

int tca_hosts_run(struct tca_hosts *hosts)
{
    int error = order_hosts(hosts);
    if (!error)
        error = tca_places_run(&hosts->places, hosts->rank);
    if (!error) {
        tell_directions(hosts);
        tell_locals(hosts);
        tell_clocks(hosts);
    }
    give_back(hosts);
    return error;
}

uint32_t tca_hosts_rank(const struct tca_hosts *hosts, uint32_t met)
{
    return hosts->rank[met];
}

/* Kernels from 6.12 on echo the SYN, those up to 5.10 the ACK; between them stable releases changed. */
static enum tca_echo echo_of(uint32_t kernel)
{
    if (kernel == TCA_KERNEL_UNKNOWN)
        return TCA_ECHO_UNKNOWN;
    return kernel < TCA_KERNEL(5, 11)    ? TCA_ECHO_OLD
           : kernel >= TCA_KERNEL(6, 12) ? TCA_ECHO_NEW
                                         : TCA_ECHO_UNKNOWN;
}

void tca_hosts_learn(struct tca_hosts *hosts, const struct tca_known *known)
{
    hosts->unseen.known = known;
    for (size_t at = 0; at < hosts->hosts; at++) {
        struct tca_host *host = &hosts->host[at];
        enum tca_echo echo = echo_of(tca_known_kernel(known, host->addr));
        host->known = known;
        if (!host->echo)
            host->echo = echo;
    }
}

/* ---- asking ---- */

bool tca_host_knows(const struct tca_host *host, enum tca_setting_id id, int64_t *ret_value)
{
    return host->known && tca_known_value(host->known, host->addr, id, ret_value);
}

int64_t tca_host_seconds(const struct tca_host *host, enum tca_setting_id id, int64_t otherwise_ns)
{
    int64_t seconds;
    bool sound = tca_host_knows(host, id, &seconds) && seconds >= 0 && seconds <= UINT32_MAX;
    return sound ? seconds * INT64_C(1000000000) : otherwise_ns;
}

int64_t tca_host_request_ns(const struct tca_host *host)
{
    int64_t retries;
    bool sound =
        tca_host_knows(host, TCA_SETTING_tcp_synack_retries, &retries) && retries >= 0 && retries < 16;
    return sound ? ((INT64_C(2) << retries) - 1) * INT64_C(1000000000) : -1;
}

/* Of retransmissions: how long after the first one no more follows (net/ipv4/tcp_timer.c tcp_model_timeout); -1: not
 * known. */
static int64_t repeated_ns(const struct tca_host *host, enum tca_setting_id id, int64_t instead_of_0)
{
    const int64_t shortest_ns = TCA_SECOND / 5, doublings = 9; /* from 200 ms to 120 s */
    int64_t retries;
    if (!tca_host_knows(host, id, &retries) || retries < 0 || retries > UINT8_MAX)
        return -1;
    retries = retries ? retries : instead_of_0;
    int64_t doubled = retries < doublings ? retries : doublings;
    return ((INT64_C(2) << doubled) - 1) * shortest_ns + (retries - doubled) * TCA_RTO_MAX_NS;
}

/* Without tcp_syn_linear_timeouts, which older kernels lack, the length is not known. */
static void know_asking(const struct tca_host *host, struct tca_limits *limits)
{
    int64_t retries, linear;
    if (!tca_host_knows(host, TCA_SETTING_tcp_syn_linear_timeouts, &linear) || linear < 0 ||
        linear > UINT8_MAX)
        return;
    limits->syn_linear = (int)linear;
    if (tca_host_knows(host, TCA_SETTING_tcp_syn_retries, &retries) && retries >= 0 && retries < 7) {
        int64_t whole_ns = (linear + (INT64_C(2) << retries) - 1) * TCA_INITIAL_RTO_NS;
        limits->syn_ns = whole_ns - whole_ns / 8;
    }
}

struct tca_limits tca_host_limits(const struct tca_host *host)
{
    struct tca_limits limits = tca_limits_unknown();
    if (!host->known)
        return limits;
    limits.fin_wait2_ns = tca_interval(0, tca_host_seconds(host, TCA_SETTING_tcp_fin_timeout, -1));
    limits.synack_ns = tca_host_request_ns(host);
    limits.orphan_ns = repeated_ns(host, TCA_SETTING_tcp_orphan_retries, 8);
    limits.open_ns = repeated_ns(host, TCA_SETTING_tcp_retries2, 0);
    know_asking(host, &limits);
    return limits;
}

uint32_t tca_host_kernel(const struct tca_host *host)
{
    return host->known ? tca_known_kernel(host->known, host->addr) : TCA_KERNEL_UNKNOWN;
}

void tca_hosts_fetch(const struct tca_hosts *hosts, uint32_t capture, const uint8_t addr[16])
{
    if (hosts->slots)
        __builtin_prefetch(&hosts->slot[hash_of(hosts, capture, addr) & (hosts->slots - 1)]);
}

/* Nearly always it is in its first slot. */
void tca_hosts_fetch_on(const struct tca_hosts *hosts, uint32_t capture, const uint8_t addr[16])
{
    uint32_t host = hosts->slots ? hosts->slot[hash_of(hosts, capture, addr) & (hosts->slots - 1)].host : 0;
    if (host)
        __builtin_prefetch(&hosts->host[host - 1]);
}

const struct tca_host *tca_hosts_find(const struct tca_hosts *hosts, uint32_t capture, const uint8_t addr[16])
{
    uint32_t tag, host = hosts->rank && hosts->slots ? slot_of(hosts, capture, addr, &tag)->host : 0;
    return host ? &hosts->host[host - 1] : &hosts->unseen;
}

uint32_t tca_hosts_number(const struct tca_hosts *hosts, const struct tca_host *host)
{
    return host == &hosts->unseen ? TCA_NO_HOST : (uint32_t)(host - hosts->host);
}

const struct tca_host *tca_hosts_at(const struct tca_hosts *hosts, size_t at)
{
    return at < hosts->hosts ? &hosts->host[at] : NULL;
}

enum tca_vantage tca_hosts_vantage(const struct tca_hosts *hosts, const struct tca_dossier *d)
{
    return hosts->user ? hosts->user : tca_places_vantage(&hosts->places, d);
}

enum tca_vantage tca_vantage_by_ttl(enum tca_vantage vantage, const struct tca_host *client,
                                    const struct tca_host *server)
{
    bool at_client = vantage == TCA_VANTAGE_CLIENT || vantage == TCA_VANTAGE_SAME_HOST;
    bool at_server = tca_near_server(vantage);
    if (!at_client && !at_server)
        return vantage;
    at_client &= !client || !client->routed || client->local;
    at_server &= !server || !server->routed || server->local;
    if (at_client && at_server)
        return TCA_VANTAGE_SAME_HOST;
    return at_server ? TCA_VANTAGE_SERVER : at_client ? TCA_VANTAGE_CLIENT : TCA_VANTAGE_MIDDLE;
}

void tca_hosts_free(struct tca_hosts *hosts)
{
    if (!hosts)
        return;
    tca_free(hosts->host);
    tca_free(hosts->tally);
    tca_free(hosts->many);
    tca_free(hosts->rank);
    tca_free(hosts->slot);
    tca_places_done(&hosts->places);
    tca_clocks_done(&hosts->clocks);
    tca_free(hosts);
}
