/* SPDX-License-Identifier: MIT
 *
 * Connections that a reset ended, by what had been closed before it. Why it was sent is told by the causes in reset.c. Checked
 * against RFC 9293 section 3.10.7 and Linux tcp_reset(), tcp_rcv_state_process() (5.10 to 7.2).
 */
#include "classify/closes.h"
#include "classify/read/shapes.h"
#include "classify/reset.h"

/* Common to the reset forms: hold if it is this one, with the FINs before it, its trigger and the reset as
 * proof. */
static bool hold_reset(const struct tca_closing *k, struct tca_judgement *j, enum tca_reset_form form)
{
    struct tca_reset r = tca_closing_reset(k);
    if (r.form != form || tca_dossier_stray(k->d))
        return false;
    bool blind = r.rst->rst_fit == TCA_RST_BLIND;
    bool foreign = r.rst->rst_fit == TCA_RST_OUTSIDE && !r.trigger; /* perhaps not of this connection */
    tca_hold(j, tca_lower(tca_close_seen(k, tca_levels_certain), blind || foreign), r.rst->time_ns);
    const struct tca_mark *marks[] = {NULL, NULL, r.trigger, r.rst};
    for (int side = 0; side < 2; side++)
        if (k->fin[side] && (k->fin[side]->frame < r.rst->frame || tca_rst_overtook(r.rst, k->fin[side])))
            marks[side] = k->fin[side];
    tca_close_prove_all(j, marks, sizeof marks / sizeof *marks);
    j->actor = r.rst->side;
    return true;
}

void judge_close_rst_both_fin(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = tca_closing_of(c);
    if (!hold_reset(&k, j, TCA_RESET_BOTH_FIN))
        return;
    int64_t apart_ns = j->time_ns - k.fin[j->actor]->time_ns;
    tca_set_value(j, apart_ns, "ns");
    tca_say(j, "The %s sent FIN and %u.%03u s later a reset.", tca_role_name[j->actor],
            TCA_WHOLE_S(apart_ns));
}

void judge_close_half_then_rst(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = tca_closing_of(c);
    if (!hold_reset(&k, j, TCA_RESET_HALF_THEN_RST))
        return;
    tca_say(j, "The %s had sent FIN and answered data of the %s with a reset.", tca_role_name[j->actor],
            tca_role_name[1 - j->actor]);
}

void judge_close_rst_by_passive(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = tca_closing_of(c);
    if (!hold_reset(&k, j, TCA_RESET_BY_PASSIVE))
        return;
    tca_say(j, "The %s sent FIN; the %s answered with a reset instead of closing too.",
            tca_role_name[1 - j->actor], tca_role_name[j->actor]);
}

/* The same reset as one of the causes: why it came is told beside. */
void judge_rst_after_fin(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = tca_closing_of(c);
    if (!hold_reset(&k, j, TCA_RESET_BY_PASSIVE))
        return;
    int64_t after_ns = j->time_ns - k.fin[1 - j->actor]->time_ns;
    tca_set_value(j, after_ns, "ns");
    tca_say(j, "The %s answered the %s's FIN with a reset, %u.%03u s after it.", tca_role_name[j->actor],
            tca_role_name[1 - j->actor], TCA_WHOLE_S(after_ns));
}

void judge_close_rst_active(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = tca_closing_of(c);
    if (!hold_reset(&k, j, TCA_RESET_ACTIVE))
        return;
    tca_say(j, "The %s aborted the open connection with a reset.", tca_role_name[j->actor]);
}

void judge_close_rst_reply(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = tca_closing_of(c);
    if (!hold_reset(&k, j, TCA_RESET_REPLY))
        return;
    struct tca_reset r = tca_closing_reset(&k);
    /* That it follows from its cause is no reason to be surer of it; nor is that what it answers was not seen. */
    enum tca_confidence cause = tca_rst_sureness(c, r.rst);
    if (cause != TCA_NO && cause < j->confidence)
        j->confidence = cause;
    else if (cause == TCA_NO && !r.trigger)
        j->confidence = tca_lower(j->confidence, 1);
    tca_say(j, "The %s had no such connection and answered with a reset.", tca_role_name[j->actor]);
}

void judge_close_fin_wait2_timeout(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = tca_closing_of(c);
    if (!hold_reset(&k, j, TCA_RESET_LATE_REPLY))
        return;
    int64_t waited_ns = j->time_ns - k.fin_ack[1 - j->actor]->time_ns;
    j->confidence = tca_lower(j->confidence, 1);
    tca_set_value(j, waited_ns, "ns");
    tca_say(j,
            "The %s closed, waited in FIN_WAIT2 for less than %u.%03u s and was gone when the %s sent again.",
            tca_role_name[j->actor], TCA_WHOLE_S(waited_ns), tca_role_name[1 - j->actor]);
}
