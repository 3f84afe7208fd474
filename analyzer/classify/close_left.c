/* SPDX-License-Identifier: MIT
 *
 * Connections that were left: one end closes and the other goes on, forgets to, or is never heard of again.
 *
 * CLOSE_WAIT is a fact, that an application leaks it an opinion; silence after repeats or probes ends a connection only once
 * the next try would have been due. Checked against Linux tcp_close(), tcp_write_err(), tcp_keepalive_timer() (5.10 to 7.2).
 */
#include "base/seq32.h"
#include "classify/closes.h"

enum { LADDER = 3, LEAKS = 5 };

/* ---- one end closed ---- */

/* A connection that waits in a full accept queue is in CLOSE_WAIT without any application to blame. */
static bool not_accepted(const struct tca_closing *k)
{
    return k->passive == TCA_SERVER &&
           tca_listener_episode(k->c->listener, k->fin[k->active]->time_ns, TCA_LONG_CLOSE_WAIT_NS) != NULL;
}

void judge_close_wait_leak(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = tca_closing_of(c);
    int64_t idle_ns = tca_closing_idle_ns(&k);
    if (idle_ns <= TCA_LONG_CLOSE_WAIT_NS)
        return;
    bool mute = k.m->side[k.passive].bytes == 0;
    bool likely =
        (mute || (k.passive == TCA_SERVER && c->listener->close_wait_flows >= LEAKS)) && !not_accepted(&k);
    tca_hold(j, likely ? tca_close_seen(&k, tca_levels_probable) : TCA_POSSIBLE,
             k.fin_ack[k.passive]->time_ns + TCA_LONG_CLOSE_WAIT_NS);
    tca_close_prove(&k, j);
    j->actor = (uint8_t)k.passive;
    tca_set_value(j, idle_ns, "ns");
    tca_say(j, "The %s acknowledged the FIN and did nothing for %u.%03u s: its socket is in CLOSE_WAIT%s.",
            tca_role_name[k.passive], TCA_WHOLE_S(idle_ns),
            !k.m->side[k.active].close_used ? ", the other end may be long gone" : "");
}

/* The first payload of P that left after P had acknowledged A's FIN; NULL unless A acknowledged it. */
static const struct tca_mark *used_half(const struct tca_closing *k)
{
    const struct tca_mark *data;
    if (k->active < 0)
        return NULL;
    for (unsigned n = 0; (data = tca_dossier_mark(k->d, TCA_MARK_LATE_DATA, k->passive, n)); n++)
        if (tca_closing_covers_fin(k, data, k->active))
            break;
    const struct tca_side *a = &k->m->side[k->active];
    bool taken = data && a->acked_known && seq_after_eq(a->acked, data->seq + data->len);
    return taken ? data : NULL;
}

void judge_close_half(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = tca_closing_of(c);
    const struct tca_mark *data = used_half(&k);
    if (!data || tca_closing_reset(&k).form != TCA_RESET_NONE)
        return;
    const struct tca_side *p = &k.m->side[k.passive];
    const struct tca_mark *const marks[] = {k.fin[k.active], k.fin_ack[k.passive], data, k.fin[k.passive],
                                            k.fin_ack[k.active]};
    uint32_t end = k.fin[k.passive] ? p->fin_seq : p->snd_nxt;
    tca_hold(j, tca_close_seen(&k, tca_levels_certain), tca_close_later(p->last_data_ns, data->time_ns));
    tca_close_prove_all(j, marks, sizeof marks / sizeof *marks);
    j->actor = (uint8_t)k.active;
    tca_set_value(j, (int64_t)(end - data->seq), "bytes");
    tca_say(j, "The %s closed its direction and received %u more bytes within %u.%03u s.",
            tca_role_name[k.active], (unsigned)(end - data->seq),
            TCA_WHOLE_S(j->time_ns - k.fin[k.active]->time_ns));
}

/* ---- no end seen ---- */

static bool gave_up(const struct tca_side *side)
{
    if (side->step_count < 2)
        return false;
    const struct tca_step *step = &side->step[side->step_count - 1], *before = step - 1;
    return step->event == TCA_TIMER_USER &&
           (before->state == TCA_ESTABLISHED || before->state == TCA_CLOSE_WAIT);
}

static bool copies_stopped(const struct tca_closing *k, const struct tca_side *side)
{
    return side->rto_run >= LADDER && side->rto_gap_ns > 0 &&
           k->until_ns > tca_close_due_ns(side->rto_last_ns, side->rto_gap_ns);
}

/* Probes, of an idle peer or a closed window, after the peer's last sign of life, and then nothing for longer than the next
 * would have taken. */
static bool probes_stopped(const struct tca_closing *k, int side)
{
    const struct tca_mark *probe, *last = NULL;
    unsigned count = 0;
    int64_t gap_ns = 0;
    for (unsigned n = 0;
         (probe = tca_dossier_mark(k->d, TCA_MARK_KEEPALIVE | TCA_MARK_WINDOW_PROBE, side, n)); n++) {
        if (probe->time_ns <= k->m->side[1 - side].last_ns)
            continue;
        gap_ns = last ? tca_interval(last->time_ns, probe->time_ns) : 0;
        last = probe;
        count++;
    }
    return count >= LADDER && k->until_ns > tca_close_due_ns(last->time_ns, gap_ns);
}

static int silent_side(const struct tca_closing *k)
{
    for (int side = 0; side < 2; side++)
        if (gave_up(&k->m->side[side]) || copies_stopped(k, &k->m->side[side]) || probes_stopped(k, side))
            return side;
    return -1;
}

void judge_close_timeout_silent(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = tca_closing_of(c);
    int side = silent_side(&k);
    if (side < 0 || k.fin[0] || k.fin[1] || !tca_closing_opened(k.m) || tca_closing_rst(&k))
        return;
    tca_hold(j, tca_level(c, tca_levels_probable, TCA_BASIS_SILENCE), k.m->last_ns);
    tca_prove(j, tca_dossier_last(c->d, TCA_MARK_LAST, 1 - side));
    tca_prove(
        j, tca_dossier_last(
               c->d, TCA_MARK_LAST | TCA_MARK_DATA_RETX | TCA_MARK_KEEPALIVE | TCA_MARK_WINDOW_PROBE, side));
    j->actor = (uint8_t)side;
    tca_set_value(j, k.m->last_ns - k.m->side[1 - side].last_ns, "ns");
    tca_say(j,
            "The %s got no answer any more, tried again, and fell silent %u.%03u s after the last word of "
            "the %s.",
            tca_role_name[side], TCA_WHOLE_S(j->value), tca_role_name[1 - side]);
}

static bool still_open(const struct tca_side *side)
{
    enum tca_state state = tca_side_state(side);
    return side->step_count && state != TCA_CLOSED && state != TCA_LISTEN && state != TCA_TIME_WAIT &&
           state != TCA_UNKNOWN;
}

static bool unknown(const struct tca_side *side)
{
    return side->step_count && tca_side_state(side) == TCA_UNKNOWN;
}

/* Begun before the capture, one end closed within it, and the other, which sent nothing new, may have closed
 * before. */
static bool may_have_closed_before(const struct tca_closing *k)
{
    return (k->m->damage & TCA_DAMAGE_START_CUT) && k->active >= 0 && !k->fin[k->passive] &&
           !k->m->side[k->passive].bytes;
}

void judge_close_none_open_at_end(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = tca_closing_of(c);
    const struct tca_side *client = &k.m->side[TCA_CLIENT], *server = &k.m->side[TCA_SERVER];
    if (!(still_open(client) || still_open(server)) || unknown(client) || unknown(server) ||
        may_have_closed_before(&k) || tca_closing_direction_missing(k.m))
        return;
    tca_hold(j, tca_close_seen(&k, tca_levels_certain), k.until_ns);
    tca_close_prove(&k, j);
    tca_prove(j, tca_dossier_last(c->d, TCA_MARK_LAST, -1));
    tca_say(j, "At the end of the capture the client was %s and the server %s.",
            tca_state_name(tca_side_state(client)), tca_state_name(tca_side_state(server)));
}
