/* SPDX-License-Identifier: MIT
 *
 * The summary, the engine's share: what is told to report/summary.c, and in which order.
 */
#include "base/alloc.h"
#include "engine/run.h"
#include "report/row.h"

struct summing {
    struct tca_session *s;
    struct tca_summary *sum;
    struct tca_buf choices;
};

/* ---- before the flows ---- */

static int weigh_flow(void *user, const struct tca_flow_view *view)
{
    const struct tca_verdict *v = view->v;
    const struct tca_judgement *told = v->verdict < 0 ? NULL : &v->judgement[v->verdict];
    tca_twins_weigh(user, view->c->d, told ? tca_findings[told->id].severity : TCA_SEVERITY_INFO,
                    told && told->confidence == TCA_CERTAIN);
    return 0;
}

/* Of several captures: which row of each connection the summary tells. */
static int weigh_twins(struct tca_session *s)
{
    if (!tca_twins_any(s->twins))
        return TCA_OK;
    int error = tca_pass2_walk(s, weigh_flow, s->twins);
    if (!error)
        tca_twins_appoint(s->twins);
    return error;
}

/* What decides which connections there are and how much of each is seen, as it is typed: the commands that the summary tells
 * are to show the same ones. */
static void add_choices(struct tca_buf *out, const struct tca_settings *set)
{
    static const char *const key[2][2] = {{"", "--key tunnel"}, {"--key vlan", "--key vlan,tunnel"}};
    const struct {
        bool is;
        int64_t time_ns;
        const char *option;
    } bound[] = {{set->has_after, set->after_ns, "-A "}, {set->has_before, set->before_ns, "-B "}};
    tca_buf_str(out, key[set->key_vlan][set->key_tunnel]);
    if (set->filter) {
        tca_buf_str(out, out->used ? " -f " : "-f ");
        if (set->key)
            tca_buf_str(out, "FILTER"); /* it may name hosts */
        else
            tca_text_quoted(out, set->filter);
    }
    for (size_t at = 0; at < sizeof bound / sizeof *bound; at++) {
        if (!bound[at].is)
            continue;
        tca_buf_str(out, out->used ? " " : "");
        tca_buf_str(out, bound[at].option);
        tca_buf_seconds(out, bound[at].time_ns, 9);
    }
    if (set->max_records)
        tca_buf_fmt(out, "%s-c %llu", out->used ? " " : "", (unsigned long long)set->max_records);
}

static void done_summing(void *own)
{
    struct summing *w = own;
    if (!w)
        return;
    tca_summary_free(w->sum);
    tca_buf_done(&w->choices);
    tca_free(w);
}

static int set_limits(struct summing *w)
{
    const struct tca_settings *set = &w->s->set;
    add_choices(&w->choices, set);
    int error = w->choices.failed ? TCA_EMEMORY : tca_summary_new(&w->sum);
    if (error)
        return error;
    tca_summary_limits(w->sum, tca_buf_text(&w->choices),
                       set->some_findings || set->min_confidence > TCA_POSSIBLE);
    tca_summary_anonymize(w->sum, w->s->anon);
    tca_summary_asked(w->sum, set->min_confidence, set->some_findings ? set->wanted : NULL);
    return TCA_OK;
}

static int begin_summing(struct tca_session *s, unsigned of, void **ret_own)
{
    struct summing *w = tca_alloc(sizeof *w);
    (void)of;
    *ret_own = w;
    if (!w)
        return TCA_EMEMORY;
    w->s = s;
    int error = set_limits(w);
    for (size_t at = 0; !error && at < s->capture_count; at++)
        error = tca_summary_capture(w->sum, &s->capture[at]->facts);
    for (size_t at = 0; !error && at < s->incidents.count; at++) {
        const struct tca_incident *one = &s->incidents.list[at];
        if (tca_pass2_tells(s, one))
            error = tca_summary_incident(w->sum, one, &s->capture[one->capture - 1]->facts);
    }
    return error ? error : weigh_twins(s);
}

/* ---- made ---- */

static int sum_flow(void *user, const struct tca_flow_view *view)
{
    const struct summing *w = user;
    return tca_summary_flow(w->sum, view);
}

static int tell_summary(void *own, void *to)
{
    struct summing *w = own;
    const struct tca_text_to *whom = to;
    int error = TCA_OK;
    for (size_t at = 0; !error && at < tca_swept_listeners(w->s); at++) {
        struct tca_told_listener told;
        tca_pass2_listener(w->s, at, &told);
        error = tca_summary_listener(w->sum, &told.listener, told.capture);
    }
    return error ? error : tca_summary_write(w->sum, whom->fn, whom->user);
}

const struct tca_maker tca_summary_maker = {begin_summing, sum_flow, NULL, tell_summary, done_summing, false};

int tca_session_summary(struct tca_session *s, tca_write_fn *fn, void *user, struct tca_error *error)
{
    int code = tca_must_be_finished(s, error);
    if (code)
        return code;
    struct tca_text_to to = {fn, user};
    return tca_words(error, tca_make(s, &tca_summary_maker, &to));
}
