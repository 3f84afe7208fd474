/* SPDX-License-Identifier: MIT
 *
 * A listener in trouble, shown: its timeline, what the times in which its queue was full had in common, and who was hit.
 */
#include "report/web.h"

#include <stdlib.h>
#include <string.h>

static const char *const episode_confidence[] = {"", "possible", "probable", "certain"};

static uint64_t sum_of(const uint32_t *column)
{
    uint64_t sum = 0;
    for (unsigned at = 0; at < TCA_CHART_COLUMNS; at++)
        sum += column[at];
    return sum;
}

/* ---- the chart ---- */

/* min(backlog, somaxconn), as far as the evidence tells: "limit 32", "limit 32 to 40", "limit at most 128"; nothing. */
static void put_limit(struct tca_buf *out, const struct tca_bounds *limit)
{
    bool least = tca_backlog_has_min(limit), most = tca_backlog_has_max(limit);
    if (least && most && limit->min == limit->max)
        tca_buf_fmt(out, ", limit %llu", (unsigned long long)limit->min);
    else if (least && most)
        tca_buf_fmt(out, ", limit %llu to %llu", (unsigned long long)limit->min,
                    (unsigned long long)limit->max);
    else if (least || most)
        tca_buf_fmt(out, ", limit at %s %llu", least ? "least" : "most",
                    (unsigned long long)(least ? limit->min : limit->max));
}

static uint32_t line_of(const struct tca_bounds *limit)
{
    uint64_t at = tca_backlog_has_max(limit) ? limit->max : tca_backlog_has_min(limit) ? limit->min : 0;
    return at < INT32_MAX ? (uint32_t)at : 0;
}

static void put_queue(struct tca_chart *chart, const struct tca_listener *l)
{
    struct tca_buf note = {0};
    tca_buf_fmt(&note, "most %u", (unsigned)tca_chart_most(l->timeline->waiting));
    put_limit(&note, &l->backlog);
    tca_chart_strip(chart, &(struct tca_strip){.title = "in the accept queue",
                                               .note = tca_buf_text(&note),
                                               .value = l->timeline->waiting,
                                               .class = "queue",
                                               .tall = true,
                                               .limit = line_of(&l->backlog)});
    chart->strips.failed |= note.failed;
    tca_buf_done(&note);
}

/* Of sums all of them are told, of what stands at a time the most. A strip of nothing is left out, unless it is to be seen
 * that it is nothing. */
struct line {
    const char *title, *class;
    const uint32_t *value;
    bool sum, always;
};

static void put_line(struct tca_chart *chart, const struct line *line)
{
    struct tca_buf note = {0};
    if (!tca_chart_most(line->value) && !line->always)
        return;
    if (line->sum)
        tca_buf_u64(&note, sum_of(line->value));
    else
        tca_buf_fmt(&note, "most %u", (unsigned)tca_chart_most(line->value));
    tca_chart_strip(chart, &(struct tca_strip){.title = line->title,
                                               .note = tca_buf_text(&note),
                                               .value = line->value,
                                               .class = line->class});
    chart->strips.failed |= note.failed;
    tca_buf_done(&note);
}

static void put_lines(struct tca_chart *chart, const struct web_panel *panel, bool several)
{
    static const uint32_t none[TCA_CHART_COLUMNS];
    const struct tca_timeline *t = panel->listener.timeline;
    const struct line lines[] = {
        {"new SYNs answered", "good", panel->answered, true, true},
        {"SYNs left unanswered", "bad", panel->dropped, true, true},
        {"of all SYNs: sent again", "odd", panel->retried, true, false},
        {"ACKs and payload of handshakes refused", "bad", t ? t->refused : none, true, false},
        {several ? "half open (SYN_RECV), in all captures" : "half open (SYN_RECV)", "calm", panel->half_open,
         false, true},
        {"first responses of the service", "good", panel->responses, true, true},
    };
    for (size_t at = 0; at < sizeof lines / sizeof lines[0]; at++)
        put_line(chart, &lines[at]);
}

/* Amber while nothing was accepted, red while clients were turned away; of another incident its own time. */
static void put_times(struct tca_chart *chart, const struct web_panel *panel)
{
    const struct tca_listener *l = &panel->listener;
    if (!l->episode_count)
        tca_chart_span(chart, panel->worst.first_ns, panel->worst.last_ns, "stall");
    for (int at = 0; at < l->episode_count; at++) {
        const struct tca_episode *e = &l->episode[at];
        int64_t from_ns = e->stall_ns >= 0 ? e->stall_ns + e->idle_ns : e->first_ns;
        if (!e->slow)
            tca_chart_span(chart, from_ns, e->resume_ns >= 0 ? e->resume_ns : e->last_ns, "stall");
    }
    for (int at = 0; at < l->episode_count; at++)
        tca_chart_span(chart, l->episode[at].first_ns,
                       l->episode[at].open_end ? INT64_MAX : l->episode[at].last_ns, "full");
}

static void put_chart(const struct web_panel *panel, bool several, struct tca_buf *out)
{
    const struct tca_listener *l = &panel->listener;
    struct tca_chart chart;
    struct tca_buf title = {0}, desc = {0};
    tca_buf_str(&title, "timeline of ");
    tca_text_endpoint(&title, panel->capture->anon, l->addr, l->family, l->port);
    if (l->timeline) {
        tca_buf_fmt(&desc, "candidates for the accept queue: most %u",
                    (unsigned)tca_chart_most(l->timeline->waiting));
        put_limit(&desc, &l->backlog);
        tca_buf_str(&desc, "; ");
    }
    tca_buf_fmt(&desc, "new SYNs answered %llu, SYNs left unanswered %llu",
                (unsigned long long)sum_of(panel->answered), (unsigned long long)sum_of(panel->dropped));
    tca_chart_begin(&chart, panel->from_ns, panel->width_ns);
    put_times(&chart, panel);
    if (l->timeline)
        put_queue(&chart, l);
    put_lines(&chart, panel, several);
    tca_chart_end(&chart, tca_buf_text(&title), tca_buf_text(&desc), out);
    out->failed |= title.failed | desc.failed;
    tca_buf_done(&title);
    tca_buf_done(&desc);
}

/* ---- words ---- */

static void put_clock(struct tca_buf *out, int64_t time_ns)
{
    struct tca_buf iso = {0};
    tca_buf_iso(&iso, time_ns, 3);
    const char *text = tca_buf_text(&iso), *clock = strchr(text, 'T');
    tca_buf_add(out, clock ? clock + 1 : text, clock ? strcspn(clock + 1, "Z") : strlen(text));
    out->failed |= iso.failed;
    tca_buf_done(&iso);
}

static void put_episode(const struct tca_episode *e, int64_t end_ns, struct tca_buf *out)
{
    int64_t last_ns = e->open_end && end_ns > e->last_ns ? end_ns : e->last_ns;
    tca_buf_str(out, "<tr><td>");
    put_clock(out, e->first_ns);
    tca_buf_str(out, "</td><td>");
    tca_buf_seconds(out, last_ns - e->first_ns, 3);
    tca_buf_fmt(out, " s%s</td><td>%s</td><td>%u</td><td>%u</td><td>%u</td><td>%u</td><td>%u</td></tr>\n",
                e->open_end ? ", to the end" : "", episode_confidence[e->confidence],
                (unsigned)e->plateau_max, (unsigned)(e->drops + e->ignored + e->aborted), (unsigned)e->flows,
                (unsigned)e->clients, (unsigned)e->lost);
}

static void put_episodes(const struct web_panel *panel, struct tca_buf *out)
{
    enum { MOST = 8 };
    const struct tca_listener *l = &panel->listener;
    if (!l->episode_count)
        return;
    tca_buf_str(out, "<div class=\"scroll\"><table><thead><tr><th>full "
                     "since</th><th>for</th><th>confidence</th><th>in the "
                     "queue</th><th>refused segments</th><th>connections hit</th><th>clients</th><th>never "
                     "served</th></tr></thead>\n<tbody>\n");
    for (int at = 0; at < l->episode_count && at < MOST; at++)
        put_episode(&l->episode[at], panel->capture->end_ns, out);
    tca_buf_str(out, "</tbody></table></div>\n");
    unsigned more = l->episodes_left_off + (l->episode_count > MOST ? (unsigned)l->episode_count - MOST : 0);
    if (more)
        tca_buf_fmt(out, "<p class=\"small\">%u more times: the tables listeners and events</p>\n", more);
}

/* ---- who was hit ---- */

/* More trouble first; then by address, so that the same input makes the same page. */
static int compare_clients(const void *left, const void *right)
{
    const struct web_client *a = left, *b = right;
    if (!a->family != !b->family)
        return a->family ? -1 : 1;
    if (a->troubled != b->troubled)
        return a->troubled > b->troubled ? -1 : 1;
    return memcmp(a->addr, b->addr, sizeof a->addr);
}

static void put_client(const struct web_client *one, struct tca_anon *anon, struct tca_buf *out)
{
    tca_buf_str(out, "<tr><td>");
    tca_anon_ip(out, anon, one->addr, one->family);
    tca_buf_fmt(out, "</td><td>%llu</td><td>%llu</td><td>%llu</td><td>", (unsigned long long)one->troubled,
                (unsigned long long)one->unanswered, (unsigned long long)one->flows);
    if (one->longest_ns >= 0) {
        tca_buf_seconds(out, one->longest_ns, 3);
        tca_buf_str(out, " s");
    }
    tca_buf_str(out, "</td></tr>\n");
}

static void put_clients(struct web_panel *panel, struct tca_buf *out)
{
    uint64_t more = panel->elsewhere;
    size_t hit = 0;
    qsort(panel->client, WEB_CLIENTS, sizeof panel->client[0], compare_clients);
    while (hit < WEB_CLIENTS && panel->client[hit].family && panel->client[hit].troubled)
        hit++;
    if (!hit)
        return;
    /* Of a flood they are those who made it. */
    tca_buf_fmt(out, "<h3>%s</h3>\n", panel->listener.episode_count ? "Who was hit" : "Trouble by client");
    tca_buf_str(out,
                "<div class=\"scroll\"><table><thead><tr><th>client</th><th>connections in trouble</th>"
                "<th>of these without an answer</th><th>all connections</th><th>longest wait for the first "
                "byte</th></tr></thead>\n<tbody>\n");
    for (size_t at = 0; at < hit; at++) {
        if (at < WEB_CLIENTS_SHOWN)
            put_client(&panel->client[at], panel->capture->anon, out);
        else
            more += panel->client[at].troubled;
    }
    tca_buf_str(out, "</tbody></table></div>\n");
    if (more)
        tca_buf_fmt(
            out,
            "<p class=\"small\">%llu more connections in trouble are of other clients: table flows</p>\n",
            (unsigned long long)more);
}

/* ---- all of it ---- */

static void put_about(const struct web_panel *panel, struct tca_buf *out)
{
    const struct tca_listener *l = &panel->listener;
    struct tca_buf day = {0};
    if (panel->has_worst) {
        const struct tca_incident *worst = &panel->worst;
        tca_buf_fmt(out, "<p><b>%s</b> (%s, %s): ", tca_findings[worst->id].id,
                    tca_severity_name(tca_findings[worst->id].severity),
                    tca_confidence_name(worst->confidence));
        tca_svg_escape(out, worst->text);
        tca_buf_str(out, "</p>\n");
    }
    tca_buf_iso(&day, panel->from_ns, 0);
    tca_buf_fmt(out,
                "<p class=\"small\">Times are UTC; the first column is of %.10s. At the right of each strip: "
                "what was counted in the "
                "time that is shown.",
                tca_buf_text(&day));
    if (!l->episode_count)
        tca_buf_str(out, " <span class=\"key stall-key\">amber</span>: the time of this incident.");
    else
        tca_buf_str(out,
                    " <span class=\"key full-key\">red</span>: clients were turned away; <span class=\"key "
                    "stall-key\">amber</span>: the service accepted nothing. Dashed: the estimated limit, "
                    "min(backlog, somaxconn); a queue takes one more than it.");
    tca_buf_str(out, "</p>\n");
    out->failed |= day.failed;
    tca_buf_done(&day);
}

void tca_web_put_panel(struct web_panel *panel, const struct tca_web *web, struct tca_buf *out)
{
    const struct tca_listener *l = &panel->listener;
    tca_buf_str(out, "<section class=\"panel\">\n<h2>");
    tca_text_endpoint(out, panel->capture->anon, l->addr, l->family, l->port);
    if (web->capture_count > 1) {
        tca_buf_str(out, " <span class=\"small\">in ");
        tca_svg_escape(out, panel->capture->name);
        tca_buf_str(out, "</span>");
    }
    tca_buf_str(out, "</h2>\n");
    put_about(panel, out);
    tca_buf_str(out, "<div class=\"chart\">\n");
    put_chart(panel, web->capture_count > 1, out);
    tca_buf_str(out, "</div>\n");
    put_episodes(panel, out);
    put_clients(panel, out);
    tca_buf_str(out, "</section>\n");
}
