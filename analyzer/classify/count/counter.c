/* SPDX-License-Identifier: MIT
 *
 * The registry of counters, and how the parts of a host are added up. What counts as what is decided in count_open.c,
 * count_sent.c and count_close.c, one function per counter.
 */
#include "classify/count/counting.h"

#include "classify/read/shapes.h"

#include <string.h>

const struct tca_counter tca_counters[TCA_COUNTER_COUNT] = {
#define COUNTER(id, text, function, ...) [TCA_COUNT_##id] = {.name = text, .count = function, __VA_ARGS__},
#include "classify/count/counter.def"
#undef COUNTER
};

struct tca_bounds tca_count_nothing(const struct tca_counting *k)
{
    (void)k;
    return count_exactly(0);
}

/* ---- what the rules share ---- */

static const struct tca_judgement *judgement(const struct tca_counting *k, enum tca_finding_id id)
{
    for (unsigned at = 0; at < k->v->count; at++)
        if (k->v->judgement[at].id == id)
            return &k->v->judgement[at];
    return NULL;
}

enum tca_confidence tca_counting_told(const struct tca_counting *k, enum tca_finding_id id)
{
    const struct tca_judgement *j = judgement(k, id);
    return j ? j->confidence : TCA_NO;
}

enum tca_confidence tca_counting_did(const struct tca_counting *k, enum tca_finding_id id)
{
    const struct tca_judgement *j = judgement(k, id);
    return j && j->actor == k->role ? j->confidence : TCA_NO;
}

bool tca_counting_opened(const struct tca_side *side)
{
    for (unsigned at = 0; at < side->step_count; at++)
        if (side->step[at].proved && tca_state_synchronized((enum tca_state)side->step[at].state))
            return true;
    return false;
}

static uint64_t add(uint64_t a, uint64_t b)
{
    return a > TCA_UNBOUNDED - b ? TCA_UNBOUNDED : a + b;
}

struct tca_bounds tca_counting_sum(struct tca_bounds a, struct tca_bounds b)
{
    return (struct tca_bounds){add(a.min, b.min), add(a.max, b.max)};
}

enum tca_state tca_counting_before(const struct tca_counting *k, unsigned n)
{
    if (n)
        return (enum tca_state)k->me->step[n - 1].state;
    if (k->m->damage & TCA_DAMAGE_START_CUT)
        return TCA_UNKNOWN;
    return k->role == TCA_CLIENT ? TCA_CLOSED : TCA_LISTEN;
}

enum tca_passage tca_counting_passed(const struct tca_side *side, enum tca_state state)
{
    enum tca_passage through = TCA_PASSED_NEVER;
    for (unsigned at = 0; at < side->step_count; at++)
        if (side->step[at].state == state) {
            enum tca_passage one = side->step[at].proved ? TCA_PASSED_PROVED : TCA_PASSED_ASSUMED;
            through = one > through ? one : through;
        }
    if (through == TCA_PASSED_NEVER && tca_side_may_be(side, state))
        return TCA_PASSED_MAYBE;
    return through;
}

/* Linux finishes the checksum of a reset that no socket sends over IPv4 itself (tcp_v4_send_reset), while netfilter's
 * (nf_send_reset) leaves it to the card: near its host, where cards finish, the two differ. Over IPv6 both leave it. */
static void add_reply(const struct tca_counting *k, const struct tca_mark *rst, struct tca_rst_count *n)
{
    bool tells = k->near && k->d->family == 4;
    if (tells && rst->checksum == TCA_CHECKSUM_UNFINISHED)
        n->foreign++;
    else if (tells && rst->checksum == TCA_CHECKSUM_GOOD && k->me->unfinished_checksums)
        n->kernel++;
    else if (tells && rst->checksum == TCA_CHECKSUM_GOOD)
        n->replies++;
    else
        n->unsure++;
}

/* A reset in answer to a segment that the mirror knows to belong to no socket any more. */
static bool expected(const struct tca_mark *rst)
{
    return tca_rst_shape(rst) == TCA_SHAPE_P && tca_state_synchronized((enum tca_state)rst->receiver_state);
}

static void add_reset(const struct tca_counting *k, const struct tca_mark *rst, struct tca_rst_count *n)
{
    unsigned signs = tca_rst_foreign(k->d, rst) & ~(unsigned)TCA_SIGN_BOTH_WAYS;
    if (signs)
        n->unsure++;
    else if (tca_rst_shape(rst) == TCA_SHAPE_X || expected(rst))
        n->kernel++;
    else
        add_reply(k, rst, n);
}

struct tca_rst_count tca_counting_resets(const struct tca_counting *k)
{
    struct tca_rst_count n = {0};
    const struct tca_mark *rst;
    unsigned kept = 0;
    for (; (rst = tca_dossier_mark(k->d, TCA_MARK_RST, k->role, kept)); kept++)
        add_reset(k, rst, &n);
    if (k->me->rst_count > kept)
        n.unsure += k->me->rst_count - kept;
    /* Far from the host nothing tells its resets from those that somebody on the way made in its name. */
    bool forged = !k->near || tca_counting_told(k, TCA_rst_forged_or_middlebox) != TCA_NO ||
                  tca_dossier_mark(k->d, TCA_MARK_AFTER_RST, k->role, 0);
    if (forged) {
        n.unsure += n.kernel;
        n.kernel = 0;
    }
    return n;
}

/* ---- parts and sums ---- */

/* SYNs that nothing answered, taken back or not: one direction is all there was. */
static bool unanswered(const struct tca_mirror *m)
{
    const struct tca_side *client = &m->side[TCA_CLIENT];
    return client->syn_count && client->syn_count + client->rst_count == client->pkts &&
           !m->side[TCA_SERVER].pkts;
}

/* What this capture could not see of the connection: then more may have happened. */
static bool blind_to(const struct tca_mirror *m, const struct tca_counter *counter)
{
    if (counter->count == tca_count_nothing)
        return false;
    if ((m->damage & TCA_DAMAGE_ONE_WAY) && !unanswered(m))
        return true;
    return counter->segments && (m->damage & (TCA_DAMAGE_GAP | TCA_DAMAGE_SNAPLEN));
}

static void gather_waits(const struct tca_counting *k, struct tca_counts *ret)
{
    struct tca_wait_count w = tca_counting_waits(k);
    bool sure = w.due && !w.denied;
    ret->facts.waits_if_patient = sure && w.orphan;
    ret->facts.waits_if_kept = sure && !w.orphan && !w.shown;
    ret->facts.patient = w.patient && w.shown;
    ret->facts.denied = w.denied || w.missed;
    int64_t room;
    if (tca_host_knows(k->c->host[k->role], TCA_SETTING_tcp_max_tw_buckets, &room))
        ret->facts.tw_room = (uint64_t)room + 1;
}

void tca_count_flow(const struct tca_case *c, const struct tca_verdict *v, int role, struct tca_counts *ret)
{
    const struct tca_mirror *m = &c->d->m;
    enum tca_vantage mine = role == TCA_CLIENT ? TCA_VANTAGE_CLIENT : TCA_VANTAGE_SERVER;
    bool one_host = !memcmp(c->d->addr[TCA_CLIENT], c->d->addr[TCA_SERVER], sizeof c->d->addr[0]);
    bool near = c->vantage == mine || one_host || (role == TCA_SERVER && tca_near_server(c->vantage));
    struct tca_counting k = {c, c->d, m, v, &m->side[role], &m->side[1 - role], role, near};
    memset(ret, 0, sizeof *ret);
    ret->facts.near = near;
    ret->facts.close = !near && c->vantage == TCA_VANTAGE_SAME_HOST;
    ret->facts.far = !near && !ret->facts.close && c->vantage != TCA_VANTAGE_UNKNOWN;
    ret->facts.offload = near && k.me->unfinished_checksums > 0;
    ret->facts.sure_if_offload = near ? tca_counting_resets(&k).replies : 0;
    ret->facts.opens_if_whole = tca_counting_presumed_opens(&k);
    gather_waits(&k, ret);
    for (unsigned at = 0; at < TCA_COUNTER_COUNT; at++) {
        ret->of[at] = tca_counters[at].count(&k);
        if (blind_to(m, &tca_counters[at]))
            ret->of[at].max = TCA_UNBOUNDED;
    }
}

bool tca_count_sees_loss(const struct tca_case *c)
{
    return (c->d->m.damage & TCA_DAMAGE_GAP) || c->listener->blind;
}

void tca_count_listener(const struct tca_listener *l, struct tca_counts *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->of[TCA_COUNT_TcpExtListenOverflows] = l->listen_overflows;
    ret->of[TCA_COUNT_TcpExtListenDrops] = l->listen_drops;
    ret->of[TCA_COUNT_TcpExtSyncookiesSent] = l->cookies_sent;
    ret->of[TCA_COUNT_TcpExtTCPReqQFullDoCookies] = l->reqq_full_cookies;
    ret->of[TCA_COUNT_TcpExtTCPReqQFullDrop] = l->reqq_full_drops;
}

void tca_count_facts_add(struct tca_count_facts *sum, const struct tca_count_facts *part)
{
    sum->near += part->near;
    sum->far += part->far;
    sum->close += part->close;
    sum->sure_if_offload += part->sure_if_offload;
    sum->opens_if_whole += part->opens_if_whole;
    sum->waits_if_patient += part->waits_if_patient;
    sum->waits_if_kept += part->waits_if_kept;
    if (!sum->tw_room || (part->tw_room && part->tw_room < sum->tw_room))
        sum->tw_room = part->tw_room;
    sum->offload |= part->offload;
    sum->patient |= part->patient;
    sum->denied |= part->denied;
}

void tca_count_add(struct tca_counts *sum, unsigned id, struct tca_bounds bounds)
{
    sum->of[id] = tca_counting_sum(sum->of[id], bounds);
}

void tca_counts_add(struct tca_counts *sum, const struct tca_counts *part)
{
    for (unsigned at = 0; at < TCA_COUNTER_COUNT; at++)
        tca_count_add(sum, at, part->of[at]);
    tca_count_facts_add(&sum->facts, &part->facts);
}

bool tca_counts_near(const struct tca_counts *sum)
{
    return sum->facts.near > sum->facts.far + sum->facts.close;
}

bool tca_counts_bounded(const struct tca_counts *sum)
{
    return tca_counts_near(sum) && !sum->facts.left_out && !sum->facts.missed;
}

/* TIME_WAITs that other connections of the host confirm, or at least do not contradict. Those that tcp_max_tw_buckets has
 * no room for leave no sign: where it is not known, there was room. */
static void settle_waits(struct tca_counts *sum, bool whole)
{
    struct tca_bounds *waits = &sum->of[TCA_COUNT_TcpExtTW];
    bool crowded = sum->facts.tw_room && waits->max >= sum->facts.tw_room;
    if (sum->facts.denied || crowded)
        return;
    sum->of[TCA_COUNT_TcpExtTCPTimeWaitOverflow].max = 0;
    if (whole)
        waits->min = add(waits->min, sum->facts.waits_if_kept);
    if (whole && sum->facts.patient)
        waits->min = add(waits->min, sum->facts.waits_if_patient);
}

void tca_counts_settle(struct tca_counts *sum)
{
    struct tca_bounds *resets = &sum->of[TCA_COUNT_TcpOutRsts], *opens = &sum->of[TCA_COUNT_TcpActiveOpens];
    bool whole = !sum->facts.left_out && !sum->facts.missed, bounded = tca_counts_bounded(sum);
    if (sum->facts.offload)
        resets->min = add(resets->min, sum->facts.sure_if_offload);
    if (whole)
        opens->min = add(opens->min, sum->facts.opens_if_whole);
    settle_waits(sum, whole);
    for (unsigned at = 0; at < TCA_COUNTER_COUNT; at++) {
        if (!bounded)
            sum->of[at].max = TCA_UNBOUNDED;
        if (!whole && tca_counters[at].by_absence)
            sum->of[at].min = 0;
    }
}
