/* SPDX-License-Identifier: MIT
 *
 * What two captures of one traffic say of a connection. The comparison was made before any flow is judged
 * (classify/twin/twin.h); here it becomes a finding of each of its rows.
 */
#include "classify/finding.h"
#include "classify/twin/twin.h"

#include <stdio.h>

/* A frame of this row's own capture, or of another one. */
static void prove_frame(struct tca_judgement *j, uint32_t own, uint32_t capture, uint64_t frame)
{
    if (!frame || j->frame_count == TCA_PROOF_MAX)
        return;
    for (unsigned at = 0; at < j->frame_count; at++)
        if (j->frame[at] == frame && j->frame_capture[at] == (capture == own ? 0 : capture))
            return;
    j->frame_capture[j->frame_count] = capture == own ? 0 : capture;
    j->frame[j->frame_count++] = frame;
}

static void name_lost(const struct tca_lost *lost, char *text, size_t size)
{
    static const char *const name[TCA_LOST_KINDS] = {[TCA_LOST_SYN] = "SYN",
                                                     [TCA_LOST_SYNACK] = "SYN+ACK",
                                                     [TCA_LOST_OPEN_ACK] = "ACK of the SYN+ACK",
                                                     [TCA_LOST_DATA] = "payload",
                                                     [TCA_LOST_FIN] = "FIN",
                                                     [TCA_LOST_FIN_ACK] = "ACK of the FIN",
                                                     [TCA_LOST_RST] = "RST"};
    char place[24] = "";
    if (lost->kind == TCA_LOST_DATA)
        snprintf(place, sizeof place, " at %u", (unsigned)lost->seq);
    if (lost->copies > 1 && lost->copy)
        snprintf(text, size, "%s%s copy %u of %u", name[lost->kind], place, lost->copy, lost->copies);
    else if (lost->copies > 1)
        snprintf(text, size, "%s%s, one of %u copies,", name[lost->kind], place, lost->copies);
    else
        snprintf(text, size, "%s%s", name[lost->kind], place);
}

/* Several copies of one payload are missing, or it is open which. */
static void tell_copies(struct tca_judgement *j, const struct tca_lost *lost, const char *sender,
                        const char *more)
{
    static const char *const fate[] = {
        [TCA_LOST_GONE] = "one of them", [TCA_LOST_ARRIVED] = "one that did", [TCA_LOST_OPEN] = "a copy"};
    char count[32] = "none reached";
    if (lost->count < lost->copies)
        snprintf(count, sizeof count, "at least %u never reached", lost->count);
    tca_say(
        j,
        "Of %u copies of the %s's payload at %u that passed capture %u, %s capture %u (frame %llu is %s)%s.",
        lost->copies, sender, (unsigned)lost->seq, (unsigned)lost->near, count, (unsigned)lost->far,
        (unsigned long long)lost->frame, fate[lost->fate], more);
}

static void tell(struct tca_judgement *j, const struct tca_lost *lost, uint32_t others)
{
    const char *sender = lost->side == TCA_CLIENT ? "client" : "server";
    char what[80], more[40] = "";
    name_lost(lost, what, sizeof what);
    if (others)
        snprintf(more, sizeof more, ", and %u more such losses", (unsigned)others);
    if (lost->count > 1 || lost->fate != TCA_LOST_GONE)
        tell_copies(j, lost, sender, more);
    else
        tca_say(j, "The %s's %s passed capture %u (frame %llu) and never reached capture %u%s.", sender, what,
                (unsigned)lost->near, (unsigned long long)lost->frame, (unsigned)lost->far, more);
}

void judge_segment_lost_between(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_twin *twin = c->twin;
    if (!twin || !twin->lost_count)
        return;
    const struct tca_lost *first = &twin->lost[0];
    while (!first->count) /* counted with a later one of the same payload */
        first++;
    uint64_t frame = first->own_frame ? first->own_frame : c->d->m.first_frame;
    tca_hold(j, (enum tca_confidence)first->confidence, first->own_ns);
    j->actor = TCA_ACTOR_PATH;
    j->value = twin->lost_pkts;
    j->unit = "pkts";
    prove_frame(j, c->d->capture, c->d->capture, frame);
    for (uint32_t at = 0; at < twin->lost_count; at++) {
        prove_frame(j, c->d->capture, twin->lost[at].near, twin->lost[at].frame);
        prove_frame(j, c->d->capture, twin->lost[at].far, twin->lost[at].far_frame);
    }
    tell(j, first, twin->lost_pkts - first->count);
}
