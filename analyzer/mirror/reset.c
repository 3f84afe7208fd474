/* SPDX-License-Identifier: MIT
 *
 * Resets: whose state an RST ends, and what it says of the sender's own.
 *
 * An RST that its receiver accepts closes the receiver, assumed; it closes its sender, unless it only answers
 * an acceptable-looking ACK from SYN_SENT (RFC 9293 section 3.10.7.3). A bare one also tells that its sender
 * had no socket for the segment that it answers.
 */
#include "base/seq32.h"
#include "mirror/clock.h"
#include "mirror/evidence.h"
#include "mirror/step.h"

/* ---- RST ---- */

#define FAR_NS (4 * TCA_MS) /* a path this long is not mistaken for a busy host */

/* RFC 9293 sections 3.10.7.3 and 3.10.7.4: a side in SYN_SENT or SYN_RECV answers an unacceptable ACK with an RST
 * and keeps its state. */
static bool rst_of_bad_ack(const struct step *s)
{
    const struct tca_mark *trigger = &s->to->recent;
    unsigned state = tca_side_state(s->from);
    return (state == TCA_SYN_SENT || state == TCA_SYN_RECV) && !(s->seg->flags & TCA_ACK) && trigger->frame &&
           (trigger->flags & TCA_ACK) && trigger->ack == s->seg->seq && trigger->ack != s->from->iss + 1;
}

/* The RST of a host that has no child: the request is gone, no established state was ever left. */
static bool rst_of_request(const struct step *s)
{
    return s->from_role == TCA_SERVER && !s->m->child_proved && s->from->synack_count &&
           !(s->seg->flags & TCA_ACK) && s->seg->seq == s->from->iss + 1;
}

/* What a host without a socket answers to a SYN (RFC 9293 section 3.5.2, group 1): its number is 0, by chance
 * also that of a connection, so the trigger decides. */
static bool rst_of_syn(const struct step *s)
{
    const struct tca_mark *trigger = &s->to->recent;
    return !s->seg->seq && (s->seg->flags & TCA_ACK) && trigger->frame &&
           (trigger->flags & (TCA_SYN | TCA_ACK)) == TCA_SYN &&
           s->seg->ack == trigger->seq + trigger->len + 1;
}

/* Payload that this side never acknowledged, though it had closed: what it resets is that (RFC 9293 section 3.6.1; Linux
 * tcp_rcv_state_process, TCPAbortOnData), so the FIN behind it was not taken either. */
static bool aborts_on_data(const struct step *s)
{
    const struct tca_side *from = s->from, *to = s->to;
    uint32_t end = to->fin_sent ? to->fin_seq : to->snd_nxt;
    return from->fin_sent && from->acked_known && to->nxt_known && seq_after(end, from->acked);
}

/* A bare RST has the number that what it answers acknowledged (RFC 9293 section 3.5.2, group 3). The FIN acknowledged more, so
 * it came behind that, to a host that had no socket any more. */
static bool answers_before_fin(const struct step *s)
{
    struct tca_mark_walk walk = tca_mark_walk(s->m);
    const struct tca_mark *mark;
    while ((mark = tca_mark_next(&walk)))
        if ((mark->roles & TCA_MARK_FIN) && mark->side != s->from_role && mark->copy == 1)
            return (mark->flags & TCA_ACK) && seq_before(s->seg->seq, mark->ack);
    return false;
}

/* What this side reset had not acknowledged its FIN: it never came further than FIN-WAIT-1, whatever followed. */
static void refute_fin_acked(struct tca_side *from)
{
    int at = from->step_count - 1;
    while (at >= 0 && from->step[at].state != TCA_FIN_WAIT1)
        at--;
    if (at >= 0 && at + 1 < from->step_count && !from->step[at + 1].proved)
        while (from->step_count > at + 1)
            tca_history_pop(from);
}

/* A bare RST answers a segment that found no socket: the FIN that it carried was never taken. Nor was an earlier one, if
 * TIME_WAIT would have acknowledged this. */
static void refute_trigger(struct step *s)
{
    struct tca_side *from = s->from;
    const struct tca_mark *trigger = &s->to->recent;
    const struct tca_step *top = tca_history_top(from);
    bool bare = !(s->seg->flags & TCA_ACK);
    bool to_bare = !bare && !s->seg->seq && !(trigger->flags & TCA_ACK) &&
                   s->seg->ack == trigger->seq + trigger->len + ((trigger->flags & TCA_FIN) != 0);
    if (!top || top->proved || !(bare || to_bare))
        return;
    bool direct = trigger->frame && (to_bare || trigger->ack == s->seg->seq);
    bool aborts = bare && s->to->acked_known && seq_before_eq(s->seg->seq, s->to->acked) &&
                  (aborts_on_data(s) || answers_before_fin(s));
    int at = tca_history_assumed(from, TCA_GOT_FIN);
    bool taken_now = at > 0 && direct && from->step[at].frame == trigger->frame;
    /* A FIN that acknowledges as well moved it twice, and payload before it was what it reset. */
    while (aborts && at > 1 && !from->step[at - 1].proved && from->step[at - 1].frame == from->step[at].frame)
        at--;
    bool in_time_wait = direct && top->state == TCA_TIME_WAIT && (trigger->flags & TCA_FIN);
    if (at > 0 && (taken_now || in_time_wait || aborts))
        while (from->step_count > at)
            tca_history_pop(from);
    if (aborts && seq_before_eq(s->seg->seq, from->fin_seq))
        refute_fin_acked(from);
}

/* One that its sender's socket makes states RCV.NXT (tcp_send_active_reset()): a FIN that this does not cover had not come. */
static void refute_uncovered_fin(struct step *s)
{
    struct tca_side *from = s->from;
    const struct tca_side *to = s->to;
    bool states = (s->seg->flags & TCA_ACK) && from->acked_known && seq_after_eq(s->seg->ack, from->acked);
    int at = states && to->fin_sent && seq_before_eq(s->seg->ack, to->fin_seq)
                 ? tca_history_assumed(from, TCA_GOT_FIN)
                 : -1;
    while (at > 0 && from->step_count > at)
        tca_history_pop(from);
}

/* It came back sooner than the path allows, and nothing else of its receiver was outstanding: it was made on the way. */
static bool made_on_the_way(const struct step *s)
{
    const struct tca_mark *trigger = &s->to->recent;
    int64_t path_ns = step_path_ns(s->m, s->from_role);
    bool alone = s->from->acked_known && trigger->seq == s->from->acked &&
                 trigger->seq + trigger->len + ((trigger->flags & TCA_FIN) != 0) == s->to->snd_nxt;
    return !(s->seg->flags & TCA_ACK) && trigger->frame && trigger->ack == s->seg->seq && path_ns > FAR_NS &&
           s->when.time_ns - trigger->time_ns < path_ns / 4 && alone;
}

/* It took as many hops as what its sender sent before; if not, another device may have spoken in its name. */
static bool same_distance(const struct step *s)
{
    int hops = (int)s->seg->ttl - (int)s->from->ttl;
    return !s->from->pkts || (hops >= -1 && hops <= 1);
}

static void rst_sender(struct step *s)
{
    bool sure = same_distance(s);
    if (rst_of_bad_ack(s))
        return;
    refute_trigger(s);
    refute_uncovered_fin(s);
    if (rst_of_request(s)) {
        tca_history_back_to(s->from, TCA_SYN_RECV);
        tca_clock_request_rst(s->m, s->when.time_ns);
    } else if (s->from_role == TCA_SERVER && !s->m->child_proved && s->from->synack_count) {
        if (!rst_of_syn(s) && (s->seg->seq == s->from->iss + 1 || s->from->bytes))
            tca_step_child_proved(s); /* an active RST comes from a full socket */
        else
            tca_history_back_to(s->from, TCA_SYN_RECV);
    } else if (s->from_role == TCA_CLIENT && tca_side_state(s->from) == TCA_ESTABLISHED) {
        if (s->seg->flags & TCA_ACK)
            tca_history_prove(s->from);
        else
            tca_history_back_to(s->from, TCA_SYN_SENT); /* it has no such socket */
    }
    if (!s->from->step_count)
        tca_history_enter(s->from, TCA_CLOSED, TCA_SENT_RST, sure, s->when);
    else
        tca_history_step(s->from, TCA_SENT_RST, sure, s->when);
    const struct tca_step *top = tca_history_top(s->from);
    if (sure && top->state == TCA_CLOSED && !top->proved)
        tca_history_prove(s->from);
}

/* Nothing is known that would have its receiver refuse it. */
static bool is_taken(const struct step *s)
{
    return s->mark.rst_fit == TCA_RST_EXACT || s->mark.rst_fit == TCA_RST_BLIND;
}

/* No stack sends SYN and RST in one; its receiver looks at RST first (RFC 9293 section 3.10.7.4), and if that does not fit
 * nothing came of it at either end. */
static bool is_garbage(const struct step *s)
{
    return (s->seg->flags & TCA_SYN) && !is_taken(s);
}

static void rst_receiver(struct step *s)
{
    struct tca_side *to = s->to;
    if (!is_taken(s))
        return;
    if (tca_side_state(to) == TCA_TIME_WAIT && to->rst_survived)
        return;
    /* RFC 9293 section 3.10.7.4: back to LISTEN only for a passive open. */
    if (tca_side_state(to) == TCA_SYN_RECV && tca_history_has(to, TCA_SYN_SENT))
        tca_history_enter(to, TCA_CLOSED, TCA_GOT_RST, false, s->when);
    else if (to->step_count)
        tca_history_step(to, TCA_GOT_RST, false, s->when);
}

/* What its sender sent last is on its way to the receiver, or there and not acknowledged yet: the reset comes behind it. */
static bool expects_all(const struct step *s)
{
    const struct tca_mark *trigger = &s->to->recent;
    if (!(s->seg->flags & TCA_ACK) && trigger->roles & TCA_MARK_CHALLENGE && trigger->ack == s->seg->seq)
        return false; /* it repeats what its receiver has just said to expect */
    if (!(s->seg->flags & TCA_ACK) && trigger->ack == s->seg->seq && s->from->sacked &&
        tca_step_hole_stays(s->m, s->from_role, trigger->ack))
        return false; /* its receiver told of a hole there */
    int64_t sent_ns =
        s->from->last_data_ns > s->from->fin_last_ns ? s->from->last_data_ns : s->from->fin_last_ns;
    return sent_ns >= 0 &&
           s->when.time_ns - sent_ns <= step_path_ns(s->m, 1 - s->from_role) + TCA_DELAYED_ACK_NS;
}

int tca_step_rst(struct tca_mirror_context *ctx, struct step *s)
{
    s->mark.roles |= TCA_MARK_RST;
    s->mark.rst_fit = (uint8_t)tca_sequence_rst_fit(s->from, s->to, s->seg, expects_all(s));
    s->from->rst_count++;
    if (s->m->first_rst > TCA_SERVER)
        s->m->first_rst = (uint8_t)s->from_role;
    if (s->mark.receiver_state == TCA_TIME_WAIT)
        s->mark.roles |= TCA_MARK_IN_TIME_WAIT;
    rst_receiver(s);
    if (!is_garbage(s) && !made_on_the_way(s))
        rst_sender(s);
    return tca_evidence_add_role(ctx, s->m, &s->to->recent, TCA_MARK_TRIGGER);
}
