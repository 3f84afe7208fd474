/* SPDX-License-Identifier: MIT
 *
 * Which entries of a ladder a picture has.
 */
#include "report/picture.h"

#include "base/alloc.h"

#include <string.h>

void tca_picture_begin(struct tca_explain *ex)
{
    static const struct picture_room all = {PICTURE_FIRST, PICTURE_LAST, PICTURE_BETWEEN};
    ex->picture = tca_alloc(sizeof *ex->picture);
    if (!ex->picture) {
        ex->out.failed = true;
        return;
    }
    ex->picture->room = ex->form->room ? ex->form->room : &all;
    ex->picture->before[TCA_CLIENT] = ex->picture->before[TCA_SERVER] = TCA_STATE_COUNT;
}

void tca_picture_free(struct picture *picture)
{
    tca_free(picture);
}

/* ---- what deserves a place ---- */

bool tca_picture_proves(const struct tca_judgement *j, const struct ladder_entry *e)
{
    for (int i = 0; i < j->frame_count; i++)
        if (e->kind == LADDER_SEGMENT && !j->frame_capture[i] && j->frame[i] == e->frame)
            return true;
    return false;
}

bool tca_picture_marked(const struct tca_judgement *j)
{
    return !tca_findings[j->id].normal;
}

int tca_picture_severity(const struct tca_explain *ex, const struct ladder_entry *e)
{
    const struct tca_verdict *v = ex->view->v;
    int severity = -1;
    for (int i = 0; i < v->count; i++) {
        const struct tca_judgement *j = &v->judgement[i];
        int of_this = (int)tca_findings[j->id].severity;
        if (of_this > severity && tca_picture_marked(j) && tca_picture_proves(j, e))
            severity = of_this;
    }
    return severity;
}

static bool worth_keeping(const struct tca_explain *ex, const struct ladder_entry *e)
{
    return e->parted || e->comment || e->kind == LADDER_TIMER ||
           memcmp(e->state, ex->picture->before, sizeof e->state) != 0 ||
           tca_picture_severity(ex, e) > TCA_SEVERITY_INFO;
}

/* ---- what is left out ---- */

static void leave_out(struct picture *p, const struct ladder_entry *e)
{
    struct ladder_entry *cut = p->betweens ? &p->between[p->betweens - 1] : NULL;
    if (!cut || cut->kind != LADDER_CUT) {
        cut = &p->between[p->betweens++];
        *cut = (struct ladder_entry){
            .kind = LADDER_CUT, .time_ns = e->time_ns, .gap_ns = -1, .frame = e->frame, .spot = e->spot};
    }
    if (e->frame)
        cut->last = e->last;
    memcpy(cut->state, e->state, sizeof cut->state);
    for (int side = 0; side < 2; side++) {
        cut->bytes[side] += e->bytes[side];
        cut->segments[side] += e->segments[side];
    }
}

/* One leaves the ring of the last ones. */
static void settle(const struct tca_explain *ex, const struct ladder_entry *e)
{
    struct picture *p = ex->picture;
    if (p->singled < p->room->between && worth_keeping(ex, e)) {
        p->between[p->betweens++] = *e;
        p->singled++;
    } else {
        leave_out(p, e);
    }
    memcpy(p->before, e->state, sizeof p->before);
}

void tca_picture_entry(struct tca_explain *ex, const struct ladder_entry *e)
{
    struct picture *p = ex->picture;
    if (!p)
        return;
    if (p->firsts < p->room->first) {
        p->first[p->firsts++] = *e;
        memcpy(p->before, e->state, sizeof p->before);
    } else if (p->lasts < p->room->last) {
        p->last[p->lasts++] = *e;
    } else {
        settle(ex, &p->last[p->last_at]);
        p->last[p->last_at] = *e;
        p->last_at = (p->last_at + 1) % p->room->last;
    }
}

const struct picture *tca_picture_rows(struct tca_explain *ex)
{
    struct picture *p = ex->picture;
    if (!p)
        return NULL;
    p->rows = 0;
    for (size_t i = 0; i < p->firsts; i++)
        p->row[p->rows++] = &p->first[i];
    for (size_t i = 0; i < p->betweens; i++)
        p->row[p->rows++] = &p->between[i];
    for (size_t i = 0; i < p->lasts; i++)
        p->row[p->rows++] = &p->last[(p->last_at + i) % p->room->last];
    return p;
}
