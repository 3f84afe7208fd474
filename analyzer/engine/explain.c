/* SPDX-License-Identifier: MIT
 *
 * One connection again: the flow that a selector means, the segments that pass 1 kept of it, its ladder. The trace
 * is a temporary file of every segment of the run in file order; it is read through once for each question.
 */
#include "engine/run.h"

#include <stdio.h>

int tca_trace_walk(struct tca_session *s, const struct tca_dossier *d, bool pieces, tca_trace_fn *fn,
                   void *user)
{
    struct tca_trace t;
    int code = fseek(s->trace, 0, SEEK_SET) ? TCA_EOUTPUT : TCA_OK;
    while (!code && fread(&t, sizeof t, 1, s->trace) == 1)
        if (t.capture == d->capture && (t.piece ? pieces : t.flow_frame == d->id_frame))
            code = fn(user, &t);
    return !code && ferror(s->trace) ? TCA_EOUTPUT : code;
}

/* ---- which flow ---- */

struct choice {
    struct tca_selector sel;
    bool found;
    tca_view_fn *fn;
    void *user;
};

static int take_if_chosen(void *user, const struct tca_flow_view *view)
{
    struct choice *c = user;
    if (!tca_selector_fits(&c->sel, view))
        return TCA_OK;
    c->found = true;
    int code = c->fn(c->user, view);
    return code ? code : TCA_ESTOPPED;
}

static bool is_record(const struct tca_session *s, const struct tca_selector *sel, const struct tca_trace *t)
{
    uint64_t record = tca_moved_record(&s->moved, t->capture, t->frame);
    const struct tca_spot place = tca_spot_of(&s->spots, t->capture, record);
    return place.frame == sel->number && (!sel->capture || sel->capture == place.ordinal);
}

/* A frame names the flow that it belongs to. */
static void frame_to_flow(struct tca_session *s, struct tca_selector *sel)
{
    struct tca_trace t;
    bool begun = !fseek(s->trace, 0, SEEK_SET);
    while (begun && fread(&t, sizeof t, 1, s->trace) == 1)
        if (!t.piece && is_record(s, sel, &t)) {
            const struct tca_spot flow = tca_spot_of(&s->spots, t.capture, t.flow_frame);
            sel->capture = flow.ordinal;
            sel->number = flow.frame;
            return;
        }
    sel->number = 0; /* no flow begins at frame 0 */
}

/* A stream that gives no row its number may be a part of one: of the connection that its first frame belongs to. */
static bool part_to_flow(struct tca_session *s, struct tca_selector *sel)
{
    uint64_t frame =
        sel->kind == SELECT_STREAM ? tca_streams_created(s->streams, &sel->capture, sel->number) : 0;
    if (!frame)
        return false;
    sel->kind = SELECT_FRAME;
    sel->number = frame;
    frame_to_flow(s, sel);
    return sel->number != 0;
}

int tca_choose_flow(struct tca_session *s, const char *selector, tca_view_fn *fn, void *user,
                    struct tca_error *error)
{
    struct choice c = {.fn = fn, .user = user};
    int code = tca_must_be_finished(s, error);
    if (!code)
        code = tca_selector_parse(selector, &c.sel, error);
    if (code)
        return code;
    for (int end = 0; end < 2; end++) /* as it was shown */
        tca_anon_restore(s->anon, c.sel.addr[end], c.sel.addr[end]);
    if (!s->trace)
        return tca_fail(error, TCA_EUSAGE,
                        s->loaded ? "parts hold no trace: give the captures themselves"
                                  : "explain needs the setting 'trace' before the input is read");
    if (c.sel.kind == SELECT_FRAME)
        frame_to_flow(s, &c.sel);
    code = tca_pass2_walk(s, take_if_chosen, &c);
    if (!code && !c.found && part_to_flow(s, &c.sel))
        code = tca_pass2_walk(s, take_if_chosen, &c);
    if (code && code != TCA_ESTOPPED)
        return tca_words(error, code);
    if (!c.found)
        return tca_fail(error, TCA_EUSAGE,
                        "no connection fits '%s': see 'tcpautopsy flows' for what there is", selector);
    return TCA_OK;
}

/* ---- its ladder ---- */

struct ladder {
    struct tca_session *s;
    const struct tca_explain_form *form;
    tca_write_fn *fn;
    void *user;
};

static int explain_segment(void *user, const struct tca_trace *t)
{
    return tca_explain_segment(user, t);
}

static int explain_flow(void *user, const struct tca_flow_view *view)
{
    const struct ladder *l = user;
    struct tca_explain *ex;
    int code = tca_explain_new(view, l->form, l->fn, l->user, &ex);
    if (code)
        return code;
    do
        code = tca_trace_walk(l->s, view->c->d, false, explain_segment, ex);
    while (!code && tca_explain_again(ex));
    int end = tca_explain_end(ex);
    return code ? code : end;
}

int tca_session_explain(struct tca_session *s, const char *selector, bool ascii, tca_write_fn *fn, void *user,
                        struct tca_error *error)
{
    return tca_session_picture(s, selector, ascii ? "ascii" : "text", fn, user, error);
}

int tca_session_picture(struct tca_session *s, const char *selector, const char *form, tca_write_fn *fn,
                        void *user, struct tca_error *error)
{
    struct ladder l = {.s = s, .form = tca_explain_form(form), .fn = fn, .user = user};
    if (!l.form)
        return tca_fail(error, TCA_EUSAGE,
                        "a connection is shown as text, ascii, svg, html, mermaid or xplot, not as '%s'",
                        form);
    return tca_choose_flow(s, selector, explain_flow, &l, error);
}
