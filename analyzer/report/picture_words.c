/* SPDX-License-Identifier: MIT
 *
 * What pictures say in words. None of it is escaped: that is done by whoever writes it into a page.
 */
#include "report/picture.h"

#include <string.h>

void tca_picture_frames(const struct tca_explain *ex, const struct ladder_entry *e, struct tca_buf *out)
{
    bool several = e->kind == LADDER_FOLD || e->kind == LADDER_CUT;
    tca_buf_str(out, several ? "frames " : "frame ");
    tca_explain_spot(ex, e->spot, out);
    if (several) {
        tca_buf_str(out, " to ");
        tca_explain_spot(ex, e->last, out);
    }
}

static void add_states(const struct ladder_entry *e, struct tca_buf *out)
{
    for (int side = 0; side < 2; side++)
        if (e->state[side] != TCA_STATE_COUNT)
            tca_buf_fmt(out, "%s%s %s", side ? ", " : "; ", tca_explain_role[side],
                        tca_state_name(e->state[side]));
}

static void add_segment(const struct ladder_entry *e, struct tca_buf *out)
{
    tca_buf_fmt(out, "%s to %s: %s%s%s", tca_explain_role[e->from], tca_explain_role[!e->from], e->flags,
                e->numbers[0] ? " " : "", e->numbers);
    if (e->name[0])
        tca_buf_fmt(out, ", %s", e->name);
    if (e->ignored)
        tca_buf_str(out, ", judged ignored or lost");
    if (e->parted)
        tca_buf_fmt(out, "; %s", tca_explain_parting);
}

void tca_picture_title(const struct tca_explain *ex, const struct ladder_entry *e, struct tca_buf *out)
{
    if (e->kind != LADDER_TIMER) {
        tca_picture_frames(ex, e, out);
        tca_buf_str(out, ", ");
    }
    tca_explain_time(ex, e->time_ns, out);
    tca_buf_str(out, e->kind == LADDER_CUT ? ", left out: " : ", ");
    if (e->kind == LADDER_SEGMENT)
        add_segment(e, out);
    else if (e->kind == LADDER_TIMER)
        tca_explain_timer_words(e, out);
    else
        tca_explain_fold(e, out);
    add_states(e, out);
}

void tca_picture_ends(const struct tca_explain *ex, struct tca_buf *out)
{
    const struct tca_dossier *d = ex->view->c->d;
    tca_text_endpoint(out, ex->view->capture->anon, d->addr[TCA_CLIENT], d->family, d->port[TCA_CLIENT]);
    tca_buf_str(out, " to ");
    tca_text_endpoint(out, ex->view->capture->anon, d->addr[TCA_SERVER], d->family, d->port[TCA_SERVER]);
}

void tca_picture_verdict(const struct tca_explain *ex, struct tca_buf *out)
{
    const struct tca_verdict *v = ex->view->v;
    struct tca_sentence sentence;
    if (v->verdict >= 0)
        tca_buf_str(out, tca_explain_says(ex, &v->judgement[v->verdict], &sentence));
    else
        tca_buf_str(out, "Nothing above severity info was found; opening and close are usual ones.");
}

void tca_picture_weight(const struct tca_judgement *j, struct tca_buf *out)
{
    tca_buf_fmt(out, "%s, %s", tca_severity_name(tca_findings[j->id].severity),
                tca_confidence_name(j->confidence));
}
