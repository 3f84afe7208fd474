/* SPDX-License-Identifier: MIT
 *
 * What two captures of one traffic say of a connection. The comparison was made before any flow is judged
 * (classify/twin.h); here it becomes a finding of each of its rows.
 */
#include "classify/finding.h"
#include "classify/twin.h"

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
    if (lost->copies > 1 && lost->copy)
        snprintf(text, size, "%s copy %u of %u", name[lost->kind], lost->copy, lost->copies);
    else if (lost->copies > 1)
        snprintf(text, size, "%s, one of %u copies,", name[lost->kind], lost->copies);
    else
        snprintf(text, size, "%s", name[lost->kind]);
}

static void tell(struct tca_judgement *j, const struct tca_lost *lost, uint32_t others)
{
    const char *sender = lost->side == TCA_CLIENT ? "client" : "server";
    char what[80], more[40] = "";
    name_lost(lost, what, sizeof what);
    if (others)
        snprintf(more, sizeof more, ", and %u more such losses", (unsigned)others);
    if (lost->kind != TCA_LOST_DATA)
        tca_say(j, "The %s's %s passed capture %u (frame %llu) and never reached capture %u%s.", sender, what,
                (unsigned)lost->near, (unsigned long long)lost->frame, (unsigned)lost->far, more);
    else
        tca_say(j,
                "Of %u copies of the %s's payload at %u that passed capture %u (one of them in frame "
                "%llu%s), at least "
                "%u never reached capture %u%s.",
                lost->copies, sender, (unsigned)lost->seq, (unsigned)lost->near,
                (unsigned long long)lost->frame, lost->far_frame ? ", which arrived" : "", lost->count,
                (unsigned)lost->far, more);
}

void judge_segment_lost_between(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_twin *twin = c->twin;
    if (!twin || !twin->lost_count)
        return;
    const struct tca_lost *first = &twin->lost[0];
    uint64_t frame = first->own_frame ? first->own_frame : c->d->m.first_frame;
    enum tca_confidence confidence = TCA_POSSIBLE;
    for (uint32_t at = 0; at < twin->lost_count; at++)
        if ((int)twin->lost[at].confidence > (int)confidence)
            confidence = (enum tca_confidence)twin->lost[at].confidence;
    tca_hold(j, confidence, first->own_frame ? first->own_ns : c->d->m.start_ns);
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
