/* SPDX-License-Identifier: MIT
 *
 * Events: what happened to one connection or one listener, each a row.
 *
 *     open     the handshake, at its moment          begin, end   a listener's accept queue was full
 *     finding  every other judgement                 close        how it ended
 *     state    every change of state, if wanted
 *
 * event_id counts openings, findings and closes first, in the order of the table, then the changes of state:
 * asking for these too renames nothing.
 */
#include "report/row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- cells ---- */

void cell_events_event_id(const struct event_row *row, struct tca_buf *buf)
{
    if (row->view) {
        cell_events_flow_id(row, buf);
    } else if (row->incident) {
        tca_buf_fmt(buf, "c%ui%u", (unsigned)tca_frame_spot(row->capture, 0).ordinal,
                    (unsigned)row->scope_number + 1);
    } else {
        tca_buf_fmt(buf, "c%ul", (unsigned)tca_frame_spot(row->capture, 0).ordinal);
        tca_text_endpoint(buf, row->opt->anon, row->listener->addr, row->listener->family,
                          row->listener->port);
    }
    tca_buf_char(buf, 'e');
    tca_buf_u64(buf, row->number);
}

void cell_events_flow_id(const struct event_row *row, struct tca_buf *buf)
{
    if (row->view)
        tca_text_flow_id(buf, row->capture, row->view->c->d->capture, row->view->c->d->id_frame);
}

void cell_events_time(const struct event_row *row, struct tca_buf *buf)
{
    tca_buf_iso(buf, row->time_ns, 9);
}

void cell_events_time_ns(const struct event_row *row, struct tca_buf *buf)
{
    tca_buf_i64(buf, row->time_ns);
}

void cell_events_rel_s(const struct event_row *row, struct tca_buf *buf)
{
    tca_buf_seconds(buf, row->time_ns - row->base_ns, 9);
}

/* The record that the event stands at; without one, the first file. */
static struct tca_spot place_of(const struct event_row *row)
{
    return tca_record_spot(row->capture, 0, row->frame);
}

void cell_events_capture(const struct event_row *row, struct tca_buf *buf)
{
    tca_text_clean(buf, tca_file_name(row->capture, place_of(row).ordinal), row->opt->raw_text);
}

void cell_events_frame(const struct event_row *row, struct tca_buf *buf)
{
    if (row->frame)
        tca_buf_u64(buf, place_of(row).frame);
}

/* It is numbered in the file in which the connection begins; another file has other numbers. */
void cell_events_tcp_stream(const struct event_row *row, struct tca_buf *buf)
{
    const struct tca_dossier *d = row->view ? row->view->c->d : NULL;
    if (d && d->tcp_stream != TCA_NO_STREAM &&
        place_of(row).ordinal == tca_frame_spot(row->capture, d->m.first_frame).ordinal)
        tca_buf_u64(buf, d->tcp_stream);
}

void cell_events_client_ip(const struct event_row *row, struct tca_buf *buf)
{
    if (row->view)
        tca_anon_ip(buf, row->opt->anon, row->view->c->d->addr[TCA_CLIENT], row->view->c->d->family);
}

void cell_events_client_port(const struct event_row *row, struct tca_buf *buf)
{
    if (row->view)
        tca_buf_u64(buf, row->view->c->d->port[TCA_CLIENT]);
}

void cell_events_server_ip(const struct event_row *row, struct tca_buf *buf)
{
    if (row->view)
        tca_anon_ip(buf, row->opt->anon, row->view->c->d->addr[TCA_SERVER], row->view->c->d->family);
    else if (row->listener)
        tca_anon_ip(buf, row->opt->anon, row->listener->addr, row->listener->family);
    else if (row->incident->scope != TCA_SCOPE_CAPTURE)
        tca_anon_ip(buf, row->opt->anon, row->incident->addr, row->incident->family);
}

void cell_events_server_port(const struct event_row *row, struct tca_buf *buf)
{
    if (row->view)
        tca_buf_u64(buf, row->view->c->d->port[TCA_SERVER]);
    else if (row->listener)
        tca_buf_u64(buf, row->listener->port);
    else if (row->incident->scope == TCA_SCOPE_LISTENER)
        tca_buf_u64(buf, row->incident->port);
}

/* Cells that are one word of the row. */
/* clang-format off */
#define WORD(cell)                                                                                           \
    void cell_events_##cell(const struct event_row *row, struct tca_buf *buf) { tca_buf_str(buf, row->cell); }
WORD(actor)
WORD(event)
WORD(finding)
WORD(confidence)
WORD(from_state)
WORD(to_state)
#undef WORD
/* clang-format on */

static bool is_time(const struct event_row *row)
{
    return row->unit && strcmp(row->unit, "ns") == 0;
}

void cell_events_value(const struct event_row *row, struct tca_buf *buf)
{
    if (is_time(row))
        tca_buf_seconds(buf, row->value, 9);
    else if (row->unit)
        tca_buf_i64(buf, row->value);
}

/* Durations are printed as every other: in seconds. */
void cell_events_unit(const struct event_row *row, struct tca_buf *buf)
{
    if (row->unit)
        tca_buf_str(buf, is_time(row) ? "s" : row->unit);
}

void cell_events_frames(const struct event_row *row, struct tca_buf *buf)
{
    for (int i = 0; i < row->frame_count; i++) {
        if (i)
            tca_buf_char(buf, ';');
        tca_text_frame(buf, place_of(row).ordinal,
                       tca_record_spot(row->capture, row->frames_of[i], row->frames[i]));
    }
}

void cell_events_text(const struct event_row *row, struct tca_buf *buf)
{
    tca_text_clean(buf, row->text, row->opt->raw_text);
}

/* ---- rows ---- */

#define PICK_events(name) cell_events_##name,
static event_cell *const event_cells[] = {
#include "report/pick.def"
};

static int emit(const struct event_row *row, struct tca_cells *cells, tca_event_fn *fn, void *user)
{
    TCA_FILL(cells, event_cells, row);
    if (cells->text.failed)
        return TCA_EMEMORY;
    const struct tca_event_key key = {.time_ns = row->time_ns,
                                      .capture = row->capture->ordinal,
                                      .frame = row->frame,
                                      .order = row->order << 16 | row->number};
    return fn(user, &key, cells);
}

/* ---- events of a flow ---- */

static const char *const actor_name[] = {
    [TCA_CLIENT] = "client", [TCA_SERVER] = "server", [TCA_ACTOR_PATH] = "path"};

static struct event_row flow_event(const struct tca_flow_view *view, const struct tca_report_options *opt)
{
    return (struct event_row){.view = view,
                              .capture = view->capture,
                              .opt = opt,
                              .base_ns = view->c->d->m.start_ns,
                              .finding = "",
                              .from_state = "",
                              .to_state = "",
                              .text = ""};
}

/* The proving frame of the moment that the event is dated at; where none is, the one to look at first. */
static uint64_t event_frame(const struct tca_dossier *d, const struct tca_judgement *j)
{
    for (unsigned at = 0; at < d->mark_count; at++)
        for (unsigned i = 0; i < j->frame_count; i++)
            if (!j->frame_capture[i] && d->mark[at].time_ns == j->time_ns && d->mark[at].frame == j->frame[i])
                return j->frame[i];
    return j->frame_count ? j->frame[0] : d->m.first_frame;
}

static struct event_row judgement_event(const struct tca_flow_view *view,
                                        const struct tca_report_options *opt, int i)
{
    static const struct {
        const char *event;
        enum event_order order;
    } kind[] = {{"open", ORDER_OPEN}, {"close", ORDER_CLOSE}, {"finding", ORDER_FINDING}};
    const struct tca_judgement *j = &view->v->judgement[i];
    struct event_row row = flow_event(view, opt);
    row.order = kind[i < 2 ? i : 2].order;
    row.event = kind[i < 2 ? i : 2].event;
    row.time_ns = j->time_ns;
    row.frame = event_frame(view->c->d, j);
    row.actor = j->actor <= TCA_ACTOR_PATH ? actor_name[j->actor] : "path";
    row.finding = tca_findings[j->id].id;
    row.confidence = tca_confidence_name(j->confidence);
    row.value = j->value;
    row.unit = j->unit;
    row.frame_count = j->frame_count;
    memcpy(row.frames, j->frame, sizeof row.frames);
    memcpy(row.frames_of, j->frame_capture, sizeof row.frames_of);
    row.told = j;
    return row;
}

static int compare_events(const void *a, const void *b)
{
    const struct event_row *x = a, *y = b;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    if (x->frame != y->frame)
        return x->frame < y->frame ? -1 : 1;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return strcmp(x->finding, y->finding);
}

static int judgement_events(const struct tca_flow_view *view, const struct tca_report_options *opt,
                            struct tca_cells *cells, tca_event_fn *fn, void *user)
{
    struct event_row row[TCA_JUDGEMENTS_MAX] = {{0}};
    int count = view->v->count < TCA_JUDGEMENTS_MAX ? view->v->count : TCA_JUDGEMENTS_MAX;
    for (int i = 0; i < count; i++)
        row[i] = judgement_event(view, opt, i);
    qsort(row, (size_t)count, sizeof row[0], compare_events);
    int r = 0;
    for (int i = 0; i < count && r == 0; i++) {
        struct tca_sentence sentence;
        tca_judgement_say(view->c, row[i].told, &sentence);
        row[i].text = sentence.text;
        row[i].number = (uint32_t)i + 1;
        r = emit(&row[i], cells, fn, user);
    }
    return r;
}

/* What moved an endpoint, as the middle of a sentence. */
static const char *event_words(uint8_t event)
{
    static const char *const words[TCA_EVENT_COUNT] = {
        [TCA_SENT_SYN] = "after it sent SYN",
        [TCA_SENT_SYNACK] = "after it sent SYN+ACK",
        [TCA_SENT_OPEN] = "as what it sent shows",
        [TCA_SENT_FIN] = "after it sent FIN",
        [TCA_SENT_RST] = "after it sent RST",
        [TCA_GOT_SYN] = "on the peer's SYN",
        [TCA_GOT_SYNACK] = "on the peer's SYN+ACK",
        [TCA_GOT_ACK_OF_SYN] = "on the acknowledgment of its SYN",
        [TCA_GOT_FIN] = "on the peer's FIN",
        [TCA_GOT_ACK_OF_FIN] = "on the acknowledgment of its FIN",
        [TCA_GOT_RST] = "on the peer's RST",
        [TCA_GOT_UNREACHABLE] = "on an ICMP error",
        [TCA_TIMER_2MSL] = "when TIME_WAIT was over",
        [TCA_TIMER_USER] = "when its timer gave up",
    };
    return event < TCA_EVENT_COUNT && words[event] ? words[event] : "where the capture begins";
}

static int state_event(const struct tca_flow_view *view, const struct tca_report_options *opt, int side,
                       int i, uint32_t number, struct tca_cells *cells, tca_event_fn *fn, void *user)
{
    const struct tca_side *s = &view->c->d->m.side[side];
    const struct tca_step *step = &s->step[i];
    enum tca_state before = i ? (enum tca_state)s->step[i - 1].state : tca_first_state(s);
    char text[160];
    snprintf(text, sizeof text, "The %s became %s %s%s.", actor_name[side],
             tca_state_name((enum tca_state)step->state), event_words(step->event),
             step->proved ? "" : ", as far as the capture tells");
    struct event_row row = flow_event(view, opt);
    row.number = number;
    row.order = ORDER_STATE;
    row.time_ns = step->time_ns;
    row.frame = step->frame;
    row.actor = actor_name[side];
    row.event = "state";
    row.confidence = tca_confidence_name(step->proved ? TCA_CERTAIN : TCA_PROBABLE);
    row.from_state = tca_state_name(before);
    row.to_state = tca_state_name((enum tca_state)step->state);
    row.frame_count = step->frame ? 1 : 0;
    row.frames[0] = step->frame;
    row.text = text;
    return emit(&row, cells, fn, user);
}

/* A side's first state is told where it is already a change: a mirror may begin with CLOSED or LISTEN. */
static bool is_change(const struct tca_side *s, int i)
{
    if (i)
        return s->step[i].state != s->step[i - 1].state;
    return s->step[0].state != TCA_CLOSED && s->step[0].state != TCA_LISTEN &&
           s->step[0].state != TCA_UNKNOWN;
}

static int state_events(const struct tca_flow_view *view, const struct tca_report_options *opt,
                        struct tca_cells *cells, tca_event_fn *fn, void *user)
{
    uint32_t number = view->v->count;
    int r = 0;
    for (int side = 0; side < 2; side++) {
        const struct tca_side *s = &view->c->d->m.side[side];
        for (int i = 0; i < s->step_count && i < TCA_STEPS_MAX && r == 0; i++)
            if (is_change(s, i))
                r = state_event(view, opt, side, i, ++number, cells, fn, user);
    }
    return r;
}

static const struct tca_report_options defaults;

int tca_events_flow(const struct tca_flow_view *view, const struct tca_report_options *opt, tca_event_fn *fn,
                    void *user)
{
    struct tca_cells cells = {0};
    if (!opt)
        opt = &defaults;
    int r = judgement_events(view, opt, &cells, fn, user);
    if (r == 0 && opt->all_states)
        r = state_events(view, opt, &cells, fn, user);
    tca_cells_done(&cells);
    return r;
}

/* ---- events of a listener ---- */

/* Of what the capture does not decide it says "about": the row of the listener has the bounds. */
static void episode_text(const struct tca_listener *listener, const struct tca_episode *e,
                         struct tca_buf *text)
{
    bool exact = listener->listen_drops.min == listener->listen_drops.max;
    tca_buf_fmt(text, "The accept queue was full%s: %s",
                e->open_end ? ", and still was when the capture ended" : "", exact ? "" : "about ");
    tca_text_refusals(text, e->drops, e->ignored, e->aborted);
    tca_buf_fmt(text, "; %u connection%s hit, ", (unsigned)e->flows, e->flows == 1 ? "" : "s");
    if (e->lost)
        tca_buf_fmt(text, "%u of them never served", (unsigned)e->lost);
    else
        tca_buf_str(text, e->unknown ? "none lost that the capture shows" : "none lost");
    if (e->waiting)
        tca_buf_fmt(text, ", %u still waiting when the capture ended", (unsigned)e->waiting);
    tca_buf_fmt(text, "; %s.",
                e->slow      ? "the service was too slow"
                : e->partial ? "one worker's queue of several did not move"
                             : "the service was not accepting");
}

static struct event_row episode_event(const struct tca_listener *listener,
                                      const struct tca_capture_facts *capture,
                                      const struct tca_report_options *opt, const struct tca_episode *e,
                                      const char *text)
{
    return (struct event_row){.listener = listener,
                              .capture = capture,
                              .opt = opt,
                              .base_ns = capture->first_ns,
                              .actor = "listener",
                              .finding = "overflow_interval",
                              .confidence = tca_confidence_name((enum tca_confidence)e->confidence),
                              .from_state = "",
                              .to_state = "",
                              .value = (int64_t)e->drops + e->ignored,
                              .unit = "count",
                              .frames = {e->first_frame, e->last_frame},
                              .frame_count = e->first_frame == e->last_frame ? 1 : 2,
                              .text = text};
}

int tca_events_listener(const struct tca_listener *listener, const struct tca_capture_facts *capture,
                        const struct tca_report_options *opt, tca_event_fn *fn, void *user)
{
    struct tca_cells cells = {0};
    int r = 0;
    for (int i = 0; i < listener->episode_count && i < TCA_EPISODES_MAX && r == 0; i++) {
        const struct tca_episode *e = &listener->episode[i];
        struct tca_buf text = {0};
        episode_text(listener, e, &text);
        struct event_row row =
            episode_event(listener, capture, opt ? opt : &defaults, e, tca_buf_text(&text));
        row.number = 2 * (uint32_t)i + 1;
        row.order = ORDER_BEGIN;
        row.event = "begin";
        row.time_ns = e->first_ns;
        row.frame = e->first_frame;
        r = emit(&row, &cells, fn, user);
        row.number++;
        row.order = ORDER_END;
        row.event = "end";
        row.time_ns = e->last_ns;
        row.frame = e->last_frame;
        if (r == 0)
            r = text.failed ? TCA_EMEMORY : emit(&row, &cells, fn, user);
        tca_buf_done(&text);
    }
    tca_cells_done(&cells);
    return r;
}

/* ---- events of an incident ---- */

int tca_events_incident(const struct tca_incident *one, uint32_t index,
                        const struct tca_capture_facts *capture, const struct tca_report_options *opt,
                        tca_event_fn *fn, void *user)
{
    static const char *const actor[] = {
        [TCA_SCOPE_LISTENER] = "listener", [TCA_SCOPE_CAPTURE] = "capture", [TCA_SCOPE_HOST] = "host"};
    struct tca_cells cells = {0};
    struct event_row row = {.incident = one,
                            .scope_number = index,
                            .capture = capture,
                            .opt = opt ? opt : &defaults,
                            .number = 1,
                            .order = ORDER_BEGIN,
                            .time_ns = one->first_ns,
                            .base_ns = capture->first_ns,
                            .frame = one->frame_count ? one->frame[0] : 0,
                            .actor = actor[one->scope],
                            .event = "begin",
                            .finding = tca_findings[one->id].id,
                            .confidence = tca_confidence_name(one->confidence),
                            .from_state = "",
                            .to_state = "",
                            .value = one->value,
                            .unit = one->unit,
                            .frame_count = one->frame_count,
                            .text = one->text};
    memcpy(row.frames, one->frame, sizeof row.frames);
    int r = emit(&row, &cells, fn, user);
    row.number++;
    row.order = ORDER_END;
    row.event = "end";
    row.time_ns = one->last_ns;
    row.frame = one->frame_count ? one->frame[one->frame_count - 1] : 0;
    if (r == 0)
        r = emit(&row, &cells, fn, user);
    tca_cells_done(&cells);
    return r;
}
