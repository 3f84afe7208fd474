/* SPDX-License-Identifier: MIT
 *
 * Resets: whose state an RST ends, and what it says of the sender's own.
 *
 * An RST that its receiver accepts closes the receiver, assumed; it closes its sender, unless it only answers
 * an acceptable-looking ACK from SYN_SENT (RFC 9293 section 3.10.7.3). A bare one also tells that its sender
 * had no socket for the segment that it answers.
 */
#include "mirror/clock.h"
#include "mirror/evidence.h"
#include "mirror/step.h"

/* ---- RST ---- */

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

/* A bare RST answers a segment that found no socket: the FIN that it carried was never taken. */
static void refute_trigger(struct step *s)
{
    const struct tca_mark *trigger = &s->to->recent;
    const struct tca_step *top = tca_history_top(s->from);
    if (!(s->seg->flags & TCA_ACK) && trigger->frame && trigger->ack == s->seg->seq && top && !top->proved &&
        top->event == TCA_GOT_FIN && top->frame == trigger->frame)
        tca_history_pop(s->from);
}

static void rst_sender(struct step *s)
{
    if (rst_of_bad_ack(s))
        return;
    refute_trigger(s);
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
        tca_history_enter(s->from, TCA_CLOSED, TCA_SENT_RST, true, s->when);
    else
        tca_history_step(s->from, TCA_SENT_RST, true, s->when);
    const struct tca_step *top = tca_history_top(s->from);
    if (top->state == TCA_CLOSED && !top->proved)
        tca_history_prove(s->from);
}

static void rst_receiver(struct step *s)
{
    struct tca_side *to = s->to;
    if (s->mark.rst_fit != TCA_RST_EXACT && s->mark.rst_fit != TCA_RST_BLIND)
        return;
    if (tca_side_state(to) == TCA_TIME_WAIT && to->rst_survived)
        return;
    /* RFC 9293 section 3.10.7.4: back to LISTEN only for a passive open. */
    if (tca_side_state(to) == TCA_SYN_RECV && tca_history_has(to, TCA_SYN_SENT))
        tca_history_enter(to, TCA_CLOSED, TCA_GOT_RST, false, s->when);
    else if (to->step_count)
        tca_history_step(to, TCA_GOT_RST, false, s->when);
}

int tca_step_rst(struct tca_mirror_context *ctx, struct step *s)
{
    s->mark.roles |= TCA_MARK_RST;
    s->mark.rst_fit = (uint8_t)tca_sequence_rst_fit(s->from, s->to, s->seg);
    s->from->rst_count++;
    if (s->m->first_rst > TCA_SERVER)
        s->m->first_rst = (uint8_t)s->from_role;
    if (s->mark.receiver_state == TCA_TIME_WAIT)
        s->mark.roles |= TCA_MARK_IN_TIME_WAIT;
    rst_receiver(s);
    rst_sender(s);
    return tca_evidence_add_role(ctx, s->m, &s->to->recent, TCA_MARK_TRIGGER);
}
