/* SPDX-License-Identifier: MIT
 *
 * Resets that nothing provoked (shape X): an application closed with something unread or with SO_LINGER 0, a timer gave up,
 * or the host had too many orphans.
 *
 * What lay unread in the receive buffer is in no segment, so most of these are told by what the connection did before.
 * Checked against RFC 9293 section 3.10.5 and Linux __tcp_close(), tcp_keepalive_timer(), tcp_out_of_resources() (5.10 to
 * 7.2).
 */
#include "base/seq32.h"
#include "classify/resets.h"

/* FIN and RST of one close(). */
static const int64_t SAME_CALL_NS = 2 * TCA_MS;
/* Fewer are a probe and a timeout, as any lost segment draws. */
enum { REPEATS = 3 };

bool tca_rst_is_active(const struct tca_rst *r)
{
    return r->shape == TCA_SHAPE_X;
}

void judge_rst_active_close(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_rst_found f;
    if (!tca_rst_hold(c, j, TCA_PROBABLE, &f))
        return;
    const struct tca_mark *fin = tca_rst_own_fin(&f.first);
    tca_prove(j, fin);
    tca_say(j, "The %s ended the connection by a reset%s.", tca_rst_who(&f.first),
            fin ? " after its FIN" : "");
}

/* ---- a timer ---- */

struct probes {
    const struct tca_mark *first, *last;
    unsigned count;
    bool even; /* at equal intervals, the reset one more after the last */
};

/* Timers are late by up to an eighth, never early. */
static bool same_interval(int64_t a, int64_t b)
{
    int64_t apart = a > b ? a - b : b - a;
    return apart <= (a > b ? a : b) / 8 + 20 * TCA_MS;
}

/* Probes of the reset's sender that nothing has answered. */
static struct probes probes_before(const struct tca_rst *r)
{
    struct probes p = {.even = true};
    const struct tca_mark *heard = tca_mark_before(r->c->d, r->rst, 1 - r->rst->side), *mark;
    int64_t interval = 0;
    for (unsigned n = 0; (mark = tca_dossier_mark(r->c->d, TCA_MARK_KEEPALIVE, r->rst->side, n)); n++) {
        if (mark->frame > r->rst->frame || (heard && mark->frame < heard->frame))
            continue;
        if (p.count == 1)
            interval = mark->time_ns - p.last->time_ns;
        else if (p.count > 1 && p.count < 9)
            p.even &= same_interval(interval, mark->time_ns - p.last->time_ns);
        if (!p.count++)
            p.first = mark;
        p.last = mark;
    }
    if (p.count > 1)
        p.even &= same_interval(interval, r->rst->time_ns - p.last->time_ns);
    return p;
}

bool tca_rst_is_keepalive_timeout(const struct tca_rst *r)
{
    if (!tca_rst_is_active(r))
        return false;
    struct probes p = probes_before(r);
    return p.count > 0 && p.even;
}

void judge_rst_keepalive_timeout(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_rst_found f;
    if (!tca_rst_hold(c, j, TCA_CERTAIN, &f))
        return;
    struct probes p = probes_before(&f.first);
    if (p.count < 2)
        j->confidence = TCA_PROBABLE;
    tca_prove(j, p.first);
    tca_prove(j, p.last);
    if (p.last)
        tca_say(j, "%u keepalive probes of the %s were not answered; it gave up %u.%03u s after the last.",
                p.count, tca_rst_who(&f.first), TCA_WHOLE_S(j->time_ns - p.last->time_ns));
}

/* What it had sent last was never acknowledged, and it had repeated that as a timer does. */
bool tca_rst_is_retry_exhausted(const struct tca_rst *r)
{
    const struct tca_spell *ladder = &r->c->d->trouble[r->rst->side].ladder;
    return tca_rst_is_active(r) && r->from->rto_run >= REPEATS && r->from->rto_run == ladder->count &&
           ladder->last_frame < r->rst->frame;
}

void judge_rst_retry_exhausted(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_rst_found f;
    if (!tca_rst_hold(c, j, tca_level(c, tca_levels_probable, TCA_BASIS_SILENCE), &f))
        return;
    const struct tca_spell *ladder = &c->d->trouble[j->actor].ladder;
    tca_prove(j, &(struct tca_mark){.frame = ladder->first_frame});
    tca_prove(j, &(struct tca_mark){.frame = ladder->last_frame});
    tca_say(j, "The %s repeated the same payload %u times without an acknowledgment and gave up by a reset.",
            tca_rst_who(&f.first), (unsigned)ladder->count);
}

/* ---- an application ---- */

/* What the reset itself says that its sender had received. Without the peer's initial number: not known. */
static bool received_nothing(const struct tca_rst *r)
{
    return r->to->iss_known && r->rst->ack == r->to->iss + 1 && !(r->c->d->m.damage & TCA_DAMAGE_START_CUT);
}

bool tca_rst_is_linger0(const struct tca_rst *r)
{
    return tca_rst_is_active(r) && received_nothing(r) && !tca_rst_own_fin(r);
}

void judge_rst_linger0(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_rst_found f;
    if (!tca_rst_hold(c, j, TCA_PROBABLE, &f))
        return;
    tca_say(j, "The %s reset the connection without having received anything to read.",
            tca_rst_who(&f.first));
}

bool tca_rst_is_unread_data(const struct tca_rst *r)
{
    /* A client whose last word was to receive has got its answer; a server in that place owes one. */
    return tca_rst_is_active(r) && r->rst->side == TCA_SERVER && !tca_rst_own_fin(r) && r->to->iss_known &&
           seq_after(r->rst->ack, r->to->iss + 1) && r->to->bytes > 0 &&
           r->to->last_data_ns > r->from->last_data_ns && !r->to->fin_sent;
}

void judge_rst_unread_data(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_rst_found f;
    if (!tca_rst_hold(c, j, TCA_POSSIBLE, &f))
        return;
    tca_say(j, "The %s reset the connection although its last word was to receive data it had not answered.",
            tca_rst_who(&f.first));
}

/* What came last from the other side was never answered: it may lie unread. */
static bool owes_answer(const struct tca_rst *r)
{
    return r->to->bytes && r->to->last_data_ns > r->from->last_data_ns;
}

/* ---- too many orphans ---- */

/* FIN and RST from one call of close(), which found too many orphans. Had anything been unread, shutdown() and close()
 * would look the same. */
bool tca_rst_is_orphan_limit(const struct tca_rst *r)
{
    const struct tca_mark *fin = tca_rst_own_fin(r), *ack = tca_rst_fin_ack(r);
    return tca_rst_is_active(r) && fin && r->from->fin_count == 1 && r->rst->seq == r->from->fin_seq + 1 &&
           !(ack && ack->frame < r->rst->frame) && r->rst->time_ns - fin->time_ns <= SAME_CALL_NS &&
           !owes_answer(r);
}

void judge_rst_orphan_limit(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_rst_found f;
    if (!tca_rst_hold(c, j, TCA_POSSIBLE, &f))
        return;
    j->confidence = tca_rst_linux_level(c, &f.first, tca_levels_probable);
    const struct tca_mark *fin = tca_rst_own_fin(&f.first);
    int64_t gap_ns = j->time_ns - fin->time_ns; /* below zero where time stamps go back */
    tca_prove(j, fin);
    tca_say(j,
            "The %s closed and reset in one breath, %lld us after its FIN: too many orphans, or too much "
            "memory in use.",
            tca_rst_who(&f.first), (long long)(gap_ns > 0 ? gap_ns / 1000 : 0));
}
