/* SPDX-License-Identifier: MIT
 *
 * Closes in which neither end had received the other's FIN when it sent its own. Acknowledgment numbers decide, never the
 * order in which the FINs passed: closing.c reads them. Checked against RFC 9293 figure 13.
 */
#include "classify/closes.h"

static void hold_crossing(const struct tca_closing *k, const struct tca_crossing *x, struct tca_judgement *j,
                          enum tca_confidence confidence)
{
    int64_t when = k->fin[k->passive]->time_ns;
    for (int side = 0; side < 2; side++)
        if (k->fin_ack[side])
            when = tca_close_later(when, k->fin_ack[side]->time_ns);
    tca_hold(j, x->sure ? confidence : tca_lower(confidence, 1), when);
    tca_close_prove(k, j);
    tca_set_value(j, tca_close_between_fins_ns(k), "ns");
}

void judge_close_simultaneous_both(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = tca_closing_of(c);
    struct tca_crossing x = tca_closing_crossing(&k);
    if (!x.cross || x.closing != 2)
        return;
    hold_crossing(&k, &x, j, tca_close_seen(&k, tca_levels_certain));
    tca_say(j, "The FINs crossed, %u.%03u s apart here, and both ends went through CLOSING.",
            TCA_WHOLE_S(tca_close_between_fins_ns(&k)));
}

void judge_close_simultaneous_one(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = tca_closing_of(c);
    struct tca_crossing x = tca_closing_crossing(&k);
    if (!x.cross || x.closing != 1 || x.through[0] == TCA_THROUGH_NOT_TOLD ||
        x.through[1] == TCA_THROUGH_NOT_TOLD)
        return;
    int side = x.through[TCA_CLIENT] == TCA_THROUGH_CLOSING ? TCA_CLIENT : TCA_SERVER;
    hold_crossing(&k, &x, j, tca_close_seen(&k, tca_levels_certain));
    tca_say(j, "Both ends sent FIN unaware of the other's, but only the %s went through CLOSING.",
            tca_role_name[side]);
}

void judge_close_fin_crossing(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = tca_closing_of(c);
    struct tca_crossing x = tca_closing_crossing(&k);
    bool told = x.through[0] != TCA_THROUGH_NOT_TOLD && x.through[1] != TCA_THROUGH_NOT_TOLD;
    if (!x.cross || told || tca_closing_knew(&k, k.fin[k.passive], k.fin[k.active]))
        return;
    hold_crossing(&k, &x, j, tca_lower(tca_close_seen(&k, tca_levels_certain), 1));
    tca_say(j, "The FINs crossed, %u.%03u s apart here; who went through CLOSING cannot be told.",
            TCA_WHOLE_S(tca_close_between_fins_ns(&k)));
}
