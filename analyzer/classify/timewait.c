/* SPDX-License-Identifier: MIT
 *
 * TIME_WAIT: a tuple used again, and segments that reach TIME_WAIT.
 *
 *      SYN on a tuple in TIME_WAIT               answer of Linux
 *      sequence number or TSval above the old    SYN+ACK, ISN = old SND.NXT + 65537
 *      neither, or an older TSval (PAWS)         ACK with the old numbers, IP ID 0, one per 500 ms at most
 *      RST with exactly that number              TIME_WAIT is gone (tcp_rfc1337=0), the next SYN finds none
 *
 * The new connection's dossier holds a snapshot of the old one (m.prior, by the new one's roles), and as
 * witnesses the segments of the old one that answer its SYN. The old connection's dossier sees the same
 * segments as its own; a judge that speaks of the old one therefore asks what provoked TIME_WAIT's answer:
 * only a segment of its own counts.
 *
 * Checked against RFC 1122 section 4.2.2.13, RFC 1337 section 2, RFC 6191 section 2 and Linux
 * tcp_timewait_state_process(), tcp_twsk_unique(), tcp_v4_rcv() (5.10 to 7.2).
 */
#include "classify/timewait.h"

#include "base/seq32.h"
#include "classify/level.h"
#include "classify/read/reuse.h"
#include "classify/read/shapes.h"
#include "mirror/deviations.h"

#include <string.h>

static const int64_t MINUTE_NS = 60 * TCA_SECOND;
static const int64_t RFC_2MSL_NS = 240 * TCA_SECOND; /* RFC 9293 section 3.4.2: MSL is two minutes */
static const int64_t PROMPT_NS = 100 * TCA_MS;       /* an answer, the round trip aside */
static const int64_t NEXT_SYN_NS =
    20 * TCA_SECOND; /* the next try of a client whose RST ended TIME_WAIT, at the latest */
enum { RECYCLERS = 5, LINUX_TTL = 64 };
/* Linux' clock of initial numbers for one tuple: one step per 64 ns. */
enum { ISN_TICK_NS = 64 };

static const struct tca_levels AT_SERVER = {TCA_PROBABLE, TCA_POSSIBLE, TCA_POSSIBLE};

/* ---- the new connection and what was before it ---- */

static bool linux_request(const struct tca_mark *synack)
{
    return synack->has_ip_id && synack->ip_id == 0 && synack->ttl <= LINUX_TTL;
}

static unsigned challenges(const struct tca_reuse *r)
{
    unsigned count = 0;
    while (tca_reuse_challenge(r, count))
        count++;
    return count;
}

/* The client's reset with exactly the number that this ACK asks for. */
static const struct tca_mark *exact_rst(const struct tca_reuse *r, const struct tca_mark *ack)
{
    const struct tca_mark *rst;
    for (unsigned at = 0; (rst = tca_reuse_witness(r->d, TCA_CLIENT, true, at)); at++)
        if (rst->frame > ack->frame && rst->seq == ack->ack)
            return rst;
    return NULL;
}

/* ---- judges of the new connection ---- */

void judge_time_wait_reuse_accepted(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_reuse r;
    if (!tca_reuse_of(c->d, &r) || !tca_reuse_recycled(&r))
        return;
    tca_hold(j, tca_linux_only(c, TCA_SERVER, tca_level(c, tca_levels_certain, TCA_BASIS_SEEN)),
             r.synack->time_ns);
    tca_prove(j, r.syn);
    tca_prove(j, r.synack);
    j->actor = TCA_SERVER;
    tca_set_value(j, r.age_ns, "ns");
    tca_say(j, "The server was in TIME_WAIT for %u.%03u s and took the new SYN in its place.",
            TCA_WHOLE_S(r.age_ns));
}

void judge_time_wait_reuse_client(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_reuse r;
    if (!tca_reuse_of(c->d, &r) || !r.prior->nxt_known[TCA_CLIENT] || !r.syn->has_ts || !r.syn->tsecr ||
        r.syn->seq != tca_reuse_isn(r.prior->snd_nxt[TCA_CLIENT]))
        return;
    tca_hold(j, tca_linux_only(c, TCA_CLIENT, tca_level(c, tca_levels_certain, TCA_BASIS_SEEN)),
             r.syn->time_ns);
    tca_prove(j, r.syn);
    j->actor = TCA_CLIENT;
    tca_set_value(j, r.age_ns, "ns");
    tca_say(j, "The client was in TIME_WAIT on this port and took it for a new connection after %u.%03u s%s.",
            TCA_WHOLE_S(r.age_ns), r.age_ns < TCA_SECOND ? " (a port bound by the program)" : "");
}

/* The server's two initial numbers lie on the line of Linux' clock: it has not restarted in between. */
static bool same_boot(const struct tca_reuse *r)
{
    if (!r->prior->iss_known[TCA_SERVER] || r->prior->isn_age_ns[TCA_SERVER] < 0)
        return false;
    uint32_t step = r->synack->seq - r->prior->iss[TCA_SERVER];
    uint32_t expected = (uint32_t)(r->prior->isn_age_ns[TCA_SERVER] / ISN_TICK_NS);
    int32_t off = seq_diff(step, expected);
    return off > -(int32_t)(20 * TCA_MS / ISN_TICK_NS) && off < (int32_t)(20 * TCA_MS / ISN_TICK_NS);
}

static int64_t time_wait_age_ns(const struct tca_reuse *r)
{
    int64_t age = r->syn->time_ns - r->prior->time_wait_ns;
    return age > 0 ? age : 0;
}

void judge_time_wait_absent(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_reuse r;
    if (!tca_reuse_of(c->d, &r) || !tca_reuse_absent(&r))
        return;
    enum tca_confidence level = tca_level(c, tca_levels_probable, TCA_BASIS_SEEN);
    tca_hold(j, tca_lower(level, !linux_request(r.synack)), r.synack->time_ns);
    tca_prove(j, r.syn);
    tca_prove(j, r.synack);
    j->actor = TCA_SERVER;
    tca_set_value(j, time_wait_age_ns(&r), "ns");
    tca_say(j, "%u.%03u s after its TIME_WAIT began the server answered with a fresh number%s.",
            TCA_WHOLE_S(time_wait_age_ns(&r)), same_boot(&r) ? ", on the same clock as before" : "");
}

void judge_time_wait_early_recycle(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_reuse r;
    if (!tca_reuse_of(c->d, &r) || !tca_reuse_absent(&r) || c->listener->time_wait_absent < RECYCLERS)
        return;
    bool no_recycling =
        tca_host_kernel(c->host[TCA_SERVER]) >= TCA_KERNEL(4, 12); /* tcp_tw_recycle is gone */
    tca_hold(j, tca_lower(tca_level(c, tca_levels_probable, TCA_BASIS_SEEN), no_recycling),
             r.synack->time_ns);
    tca_prove(j, r.syn);
    tca_prove(j, r.synack);
    j->actor = TCA_SERVER;
    tca_set_value(j, (int64_t)c->listener->time_wait_absent, "count");
    tca_say(j, "TIME_WAIT was gone after %u.%03u s, as on %d connections of this listener.",
            TCA_WHOLE_S(time_wait_age_ns(&r)), (int)c->listener->time_wait_absent);
}

/* Without an IP ID a connection that is still alive might have answered. */
static enum tca_confidence mini_level(const struct tca_case *c, const struct tca_mark *ack,
                                      struct tca_levels levels)
{
    return tca_linux_only(c, TCA_SERVER, tca_lower(tca_level(c, levels, TCA_BASIS_SEEN), !ack->has_ip_id));
}

void judge_time_wait_syn_challenged(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_reuse r;
    const struct tca_mark *ack;
    if (!tca_reuse_of(c->d, &r) || !(ack = tca_reuse_challenge(&r, 0)))
        return;
    tca_hold(j, mini_level(c, ack, tca_levels_certain), ack->time_ns);
    tca_prove(j, r.syn);
    tca_prove(j, ack);
    j->actor = TCA_SERVER;
    tca_set_value(j, challenges(&r), "pkts");
    tca_say(j, "The server, in TIME_WAIT for %u.%03u s, answered the SYN with an ACK of the old connection.",
            TCA_WHOLE_S(r.age_ns));
}

static bool killed_then_open(const struct tca_reuse *r, const struct tca_mark **ret_ack,
                             const struct tca_mark **ret_rst)
{
    for (unsigned n = 0; (*ret_ack = tca_reuse_challenge(r, n)); n++) {
        *ret_rst = exact_rst(r, *ret_ack);
        if (*ret_rst && r->synack && r->synack->frame > (*ret_rst)->frame && !tca_reuse_recycled(r))
            return true;
    }
    return false;
}

static bool assassinated_by_reuse(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_reuse r;
    const struct tca_mark *ack, *rst;
    if (!tca_reuse_of(c->d, &r) || !killed_then_open(&r, &ack, &rst))
        return false;
    tca_hold(j, mini_level(c, ack, tca_levels_but_client), rst->time_ns);
    tca_prove(j, r.syn);
    tca_prove(j, ack);
    tca_prove(j, rst);
    tca_prove(j, r.synack);
    j->actor = TCA_CLIENT;
    tca_set_value(j, r.synack->time_ns - r.syn->time_ns, "ns");
    tca_say(j,
            "The SYN drew an ACK of TIME_WAIT, the client's RST killed it, a later SYN got in at %u.%03u s.",
            TCA_WHOLE_S(j->value));
    return true;
}

void judge_time_wait_refused_loop(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_reuse r;
    if (!tca_reuse_of(c->d, &r) || r.synack || challenges(&r) < 2)
        return;
    const struct tca_mark *mark, *first = tca_reuse_challenge(&r, 0);
    tca_hold(j, mini_level(c, first, tca_levels_certain), first->time_ns);
    tca_prove(j, r.syn);
    for (unsigned n = 0; (mark = tca_reuse_challenge(&r, n)); n++) {
        tca_prove(j, mark);
        tca_prove(j, exact_rst(&r, mark));
    }
    j->actor = TCA_SERVER;
    tca_set_value(j, (int64_t)c->d->m.side[TCA_CLIENT].syn_count, "pkts");
    tca_say(j, "%d SYNs of the client drew ACKs of the old connection from the server's TIME_WAIT%s.",
            (int)j->value, exact_rst(&r, first) ? ", which ignored the resets" : "");
}

void judge_time_wait_refused_rst(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_reuse r;
    const struct tca_mark *rst = tca_dossier_mark(c->d, TCA_MARK_RST, TCA_SERVER, 0);
    if (!tca_reuse_of(c->d, &r) || r.synack || !rst || tca_rst_shape(rst) != TCA_SHAPE_Q ||
        tca_reuse_challenge(&r, 0))
        return;
    bool fin_wait2 = r.prior->state[TCA_SERVER] == TCA_FIN_WAIT2;
    if (!fin_wait2 && !tca_reuse_held_by_server(&r))
        return;
    enum tca_confidence level = c->listener->listens ? TCA_PROBABLE : TCA_POSSIBLE;
    tca_hold(j, tca_lower(level, !fin_wait2), rst->time_ns);
    tca_prove(j, r.syn);
    tca_prove(j, rst);
    j->actor = TCA_SERVER;
    tca_set_value(j, r.age_ns, "ns");
    tca_say(j, "The server was still in %s of the old connection and refused the new one.",
            fin_wait2 ? "FIN_WAIT2" : "TIME_WAIT");
}

void judge_time_wait_syn_dropped(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_reuse r;
    if (!tca_reuse_of(c->d, &r) || !tca_reuse_held_by_server(&r) || c->d->m.side[TCA_SERVER].pkts ||
        c->d->m.side[TCA_CLIENT].syn_count < 2 || !c->listener->listens)
        return;
    if (tca_reuse_witness(c->d, TCA_SERVER, false, 0) || tca_reuse_witness(c->d, TCA_SERVER, true, 0) ||
        tca_dossier_mark(c->d, TCA_MARK_ICMP, -1, 0) ||
        tca_listener_episode(c->listener, r.syn->time_ns, TCA_SECOND))
        return;
    tca_hold(j, tca_level(c, AT_SERVER, TCA_BASIS_SILENCE), r.syn->time_ns);
    const struct tca_mark *syn;
    for (unsigned n = 0; (syn = tca_dossier_mark(c->d, TCA_MARK_SYN, TCA_CLIENT, n)); n++)
        tca_prove(j, syn);
    j->actor = TCA_SERVER;
    tca_set_value(j, (int64_t)c->d->m.side[TCA_CLIENT].syn_count, "pkts");
    tca_say(j, "%d SYNs on a port that the server held in TIME_WAIT got no answer.", (int)j->value);
}

void judge_time_wait_dup_syn_accepted_then_rst(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_reuse r;
    const struct tca_mark *rst = tca_dossier_mark(c->d, TCA_MARK_RST, TCA_CLIENT, 0);
    if (!tca_reuse_of(c->d, &r) || !tca_reuse_recycled(&r) || !rst || rst->frame < r.synack->frame ||
        rst->seq != r.synack->ack || c->d->m.acks_since_synack)
        return;
    tca_hold(j, tca_linux_only(c, TCA_SERVER, tca_level(c, tca_levels_certain, TCA_BASIS_SEEN)),
             rst->time_ns);
    tca_prove(j, r.syn);
    tca_prove(j, r.synack);
    tca_prove(j, rst);
    j->actor = TCA_ACTOR_PATH;
    tca_say(j, "A SYN that the client did not stand by replaced the server's TIME_WAIT; the client reset.");
}

void judge_time_wait_port_reuse_fast(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_reuse r;
    bool next_attempt = c->d->attempt_of && c->d->attempt_of != c->d->id_frame; /* of what was never open */
    if (!tca_reuse_of(c->d, &r) || !r.prior->same_client || r.age_ns < 0 || r.age_ns >= MINUTE_NS ||
        next_attempt)
        return;
    tca_hold(j, TCA_CERTAIN, r.syn->time_ns);
    tca_prove(j, r.syn);
    j->actor = TCA_CLIENT;
    tca_set_value(j, r.age_ns, "ns");
    tca_say(j, "The client used the port again %u.%03u s after the last segment of the previous connection.",
            TCA_WHOLE_S(r.age_ns));
}

/* ---- judges of the old connection ---- */

/* The holder of TIME_WAIT: it had acknowledged the other's FIN. -1 if nothing reached one. */
struct wait {
    const struct tca_dossier *d;
    int holder;
    const struct tca_mark *began; /* the holder's acknowledgment of the other's FIN */
};

static bool wait_of(const struct tca_dossier *d, struct wait *ret)
{
    const struct tca_mark *mark = tca_dossier_mark(d, TCA_MARK_IN_TIME_WAIT, -1, 0);
    if (!mark)
        return false;
    *ret = (struct wait){.d = d, .holder = 1 - mark->side};
    ret->began = tca_dossier_mark(d, TCA_MARK_FIN_ACK, ret->holder, 0);
    return ret->began != NULL;
}

/* The n-th segment towards TIME_WAIT with all of `with` and none of `without` of the flags. */
static const struct tca_mark *reached(const struct wait *w, uint16_t with, uint16_t without, unsigned n)
{
    const struct tca_mark *mark;
    for (unsigned at = 0; (mark = tca_dossier_mark(w->d, TCA_MARK_IN_TIME_WAIT, 1 - w->holder, at)); at++)
        if (mark->frame > w->began->frame && (mark->flags & with) == with && !(mark->flags & without) &&
            n-- == 0)
            return mark;
    return NULL;
}

static bool reset_by_holder(const struct wait *w, const struct tca_mark *mark)
{
    const struct tca_mark *rst;
    for (unsigned n = 0; (rst = tca_dossier_mark(w->d, TCA_MARK_RST, w->holder, n)); n++)
        if (rst->frame > mark->frame && rst->seq == mark->ack && rst->time_ns - mark->time_ns < PROMPT_NS)
            return true;
    return false;
}

void judge_time_wait_data(const struct tca_case *c, struct tca_judgement *j)
{
    struct wait w;
    const struct tca_mark *data = NULL;
    if (!wait_of(c->d, &w))
        return;
    for (unsigned n = 0; (data = reached(&w, TCA_ACK, TCA_RST | TCA_SYN | TCA_FIN, n)); n++)
        if (data->len)
            break;
    if (!data || reset_by_holder(&w, data))
        return;
    tca_hold(j, tca_level(c, tca_levels_certain, TCA_BASIS_SEEN), data->time_ns);
    tca_prove(j, w.began);
    tca_prove(j, data);
    j->actor = data->side;
    tca_set_value(j, data->len, "bytes");
    tca_say(j, "%u bytes of old data reached the %s in TIME_WAIT.", (unsigned)data->len,
            tca_role_name[w.holder]);
}

/* A copy of the other side's FIN after TIME_WAIT had begun. */
static const struct tca_mark *fin_again(const struct wait *w)
{
    const struct tca_mark *fin;
    for (unsigned n = 1; (fin = tca_dossier_mark(w->d, TCA_MARK_FIN, 1 - w->holder, n)); n++)
        if (fin->frame > w->began->frame)
            return fin;
    return NULL;
}

void judge_time_wait_fin_reack(const struct tca_case *c, struct tca_judgement *j)
{
    struct wait w;
    const struct tca_mark *fin, *ack;
    if (!wait_of(c->d, &w) || !(fin = fin_again(&w)))
        return;
    for (unsigned n = 0; (ack = tca_dossier_mark(c->d, TCA_MARK_FIN_ACK, w.holder, n)); n++)
        if (ack->frame > fin->frame)
            break;
    if (!ack)
        return;
    tca_hold(j, tca_level(c, tca_levels_certain, TCA_BASIS_SEEN), ack->time_ns);
    tca_prove(j, w.began);
    tca_prove(j, fin);
    tca_prove(j, ack);
    j->actor = (uint8_t)w.holder;
    tca_set_value(j, ack->time_ns - w.began->time_ns, "ns");
    tca_say(j, "The FIN came again and the %s acknowledged it from TIME_WAIT; its clock began anew.",
            tca_role_name[w.holder]);
}

/* What provoked this reset was TIME_WAIT's answer to a SYN of a newer connection: then its row tells. An
 * answer to a segment of this connection has that segment just before it. */
static bool newer_to_blame(const struct wait *w, const struct tca_mark *rst)
{
    const struct tca_mark *answer = tca_rst_trigger(w->d, rst), *cause = NULL, *mark;
    if (!answer || answer->frame <= w->began->frame)
        return false;
    for (unsigned n = 0; (mark = tca_dossier_mark(w->d, TCA_MARK_IN_TIME_WAIT, rst->side, n)); n++)
        if (mark->frame < answer->frame && !(mark->flags & TCA_RST))
            cause = mark;
    int64_t path = w->holder == TCA_SERVER ? w->d->m.path_to_server_ns : w->d->m.ack_rtt_ns;
    return !cause || answer->time_ns - cause->time_ns > PROMPT_NS + (path > 0 ? path : 0);
}

/* The same, where TIME_WAIT did not survive: a client whose RST ended it soon gets in. Without that the segment
 * came into being beyond the capture point. */
static bool newer_got_in(const struct wait *w, const struct tca_mark *rst)
{
    int64_t end = w->d->m.end_ns;
    return end >= 0 && end - rst->time_ns <= NEXT_SYN_NS && newer_to_blame(w, rst);
}

/* The first exact reset that reached TIME_WAIT, unless a newer connection's row tells of it. */
static const struct tca_mark *killing_rst(const struct wait *w)
{
    const struct tca_mark *rst;
    for (unsigned n = 0; (rst = reached(w, TCA_RST, TCA_SYN, n)); n++)
        if (rst->rst_fit == TCA_RST_EXACT && !newer_got_in(w, rst))
            return rst;
    return NULL;
}

/* The first reset that reached TIME_WAIT on this connection's own account, exact or not. */
static const struct tca_mark *own_rst(const struct wait *w, bool exact)
{
    const struct tca_mark *rst;
    for (unsigned n = 0; (rst = reached(w, TCA_RST, TCA_SYN, n)); n++)
        if ((rst->rst_fit == TCA_RST_EXACT) == exact && !newer_to_blame(w, rst))
            return rst;
    return NULL;
}

/* The holder's next sign after this reset: a segment other than a reset shows that it lives, a reset that it
 * does not. */
static const struct tca_mark *sign_after(const struct wait *w, const struct tca_mark *rst)
{
    for (unsigned at = 0; at < w->d->mark_count; at++) {
        const struct tca_mark *mark = &w->d->mark[at];
        if (mark->side == w->holder && mark->frame > rst->frame && !mark->witness &&
            !(mark->roles & TCA_MARK_ICMP))
            return mark;
    }
    return NULL;
}

static void assassinated_by_own(const struct tca_case *c, struct tca_judgement *j)
{
    struct wait w;
    const struct tca_mark *rst;
    if (!wait_of(c->d, &w) || !(rst = killing_rst(&w)))
        return;
    const struct tca_mark *sign = sign_after(&w, rst);
    if (sign && !(sign->flags & TCA_RST))
        return; /* it lives */
    tca_hold(j, tca_level(c, sign ? tca_levels_but_client : tca_levels_probable, TCA_BASIS_SEEN),
             rst->time_ns);
    const struct tca_mark *answer = tca_rst_trigger(c->d, rst);
    tca_prove(j, answer && answer->frame > w.began->frame ? answer : w.began);
    tca_prove(j, rst);
    tca_prove(j, sign);
    j->actor = rst->side;
    tca_set_value(j, rst->time_ns - w.began->time_ns, "ns");
    tca_say(j, "An RST ended the TIME_WAIT of the %s after %u.%03u s.", tca_role_name[w.holder],
            TCA_WHOLE_S(j->value));
}

void judge_time_wait_assassinated(const struct tca_case *c, struct tca_judgement *j)
{
    if (!assassinated_by_reuse(c, j))
        assassinated_by_own(c, j);
}

/* A newer connection's row: an exact reset, and TIME_WAIT answers the next SYN all the same. */
static bool ignored_in_reuse(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_reuse r;
    const struct tca_mark *first, *rst, *again = NULL;
    if (!tca_reuse_of(c->d, &r) || !(first = tca_reuse_challenge(&r, 0)) || !(rst = exact_rst(&r, first)))
        return false;
    for (unsigned n = 1; (again = tca_reuse_challenge(&r, n)); n++)
        if (again->frame > rst->frame)
            break;
    if (!again)
        return false;
    tca_hold(j, mini_level(c, first, tca_levels_but_client), again->time_ns);
    tca_prove(j, first);
    tca_prove(j, rst);
    tca_prove(j, again);
    j->actor = TCA_SERVER;
    tca_say(j, "The server's TIME_WAIT outlived an RST with the right number.");
    return true;
}

static void ignored_by_own(const struct tca_case *c, struct tca_judgement *j)
{
    struct wait w;
    if (!wait_of(c->d, &w))
        return;
    const struct tca_mark *rst = own_rst(&w, false), *sign = NULL;
    if (!rst && (rst = own_rst(&w, true))) {
        sign = sign_after(&w, rst);
        if (!sign || (sign->flags & TCA_RST))
            return;
    }
    if (!rst)
        return;
    tca_hold(j, tca_level(c, sign ? tca_levels_but_client : tca_levels_certain, TCA_BASIS_SEEN),
             rst->time_ns);
    tca_prove(j, w.began);
    tca_prove(j, rst);
    tca_prove(j, sign);
    j->actor = (uint8_t)w.holder;
    tca_say(j,
            sign ? "The TIME_WAIT of the %s outlived an RST with the right number."
                 : "An RST with a number that the TIME_WAIT of the %s does not expect had no effect.",
            tca_role_name[w.holder]);
}

void judge_time_wait_rst_ignored(const struct tca_case *c, struct tca_judgement *j)
{
    if (!ignored_in_reuse(c, j))
        ignored_by_own(c, j);
}

void judge_reuse_within_rfc_2msl(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_reuse r;
    if (!tca_reuse_of(c->d, &r) || r.age_ns < MINUTE_NS || r.age_ns >= RFC_2MSL_NS)
        return;
    tca_hold(j, TCA_CERTAIN, r.syn->time_ns);
    tca_prove(j, r.syn);
    j->actor = TCA_CLIENT;
    tca_set_value(j, r.age_ns, "ns");
    tca_say(j,
            "The addresses and ports came back %u.%03u s after the last segment of the previous connection.",
            TCA_WHOLE_S(r.age_ns));
}

/* ---- the column reuse_outcome ---- */

const char *tca_reuse_outcome(const struct tca_verdict *v)
{
    /* What decided the attempt comes first. */
    static const enum tca_finding_id telling[] = {
        TCA_time_wait_refused_loop,    TCA_time_wait_dup_syn_accepted_then_rst,
        TCA_time_wait_assassinated,    TCA_time_wait_refused_rst,
        TCA_time_wait_reuse_accepted,  TCA_time_wait_reuse_client,
        TCA_time_wait_early_recycle,   TCA_time_wait_absent,
        TCA_time_wait_syn_challenged,  TCA_time_wait_syn_dropped,
        TCA_time_wait_port_reuse_fast,
    };
    for (size_t n = 0; n < sizeof telling / sizeof *telling; n++)
        for (unsigned at = 0; at < v->count; at++)
            if (v->judgement[at].id == telling[n])
                return tca_findings[telling[n]].id + strlen("time_wait_");
    return "";
}
