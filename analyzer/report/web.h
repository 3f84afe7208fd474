/* SPDX-License-Identifier: MIT
 *
 * The report page; private to report/web*.c and told by the engine. One HTML file that needs nothing else and runs nothing.
 *
 *     web.c            the page: head, sections, foot
 *     web_summary.c    the summary's lines as paragraphs
 *     web_panel.c      a listener in trouble: what is counted of it
 *     web_listener.c   ... and how it is shown: timeline, who was hit
 *     web_states.c     sockets by state over time
 *     web_flows.c      the worst connections, each with its ladder
 *     chart.c, svg.c, picture*.c
 *
 * Everything is bounded whatever the captures hold: so many listeners, columns, clients, connections, captures, and a size
 * for ladders. What finds no room is counted, and said.
 */
#ifndef TCA_REPORT_WEB_H
#define TCA_REPORT_WEB_H

#include "report/chart.h"
#include "report/row.h"

enum {
    WEB_PANELS = 6,    /* listeners that are shown */
    WEB_CLIENTS = 512, /* addresses told apart at one of them, a power of two */
    WEB_CLIENTS_SHOWN = 10,
    WEB_FLOWS = 12, /* connections with a ladder */
    WEB_ALIKE = 3,  /* of these with the same finding at one server */
    WEB_LADDER_BYTES = 44 * 1024,
    WEB_INCIDENTS = 24,
    WEB_CAPTURES = 20,
    WEB_STATES = TCA_STATE_COUNT,
};

/* What one client met at a listener. */
struct web_client {
    uint8_t addr[16];
    uint8_t family; /* 0: nobody has this place */
    uint64_t flows,
        troubled;        /* its connections; those that are told by something of medium severity or more */
    uint64_t unanswered; /* of the latter: no word of the service */
    int64_t longest_ns;  /* from the first SYN to the first word of the service; -1: there was none */
};

/* A listener in trouble. */
struct web_panel {
    struct tca_listener listener; /* as it is told; its episodes are the copies here */
    struct tca_episode episode[TCA_EPISODES_MAX];
    const struct tca_capture_facts *capture; /* borrowed */
    struct tca_incident worst; /* the gravest incident of it; frame_count 0 and no text: there is none */
    bool has_worst;
    uint64_t rank;
    int64_t from_ns, width_ns;
    uint32_t answered[TCA_CHART_COLUMNS], dropped[TCA_CHART_COLUMNS], retried[TCA_CHART_COLUMNS],
        responses[TCA_CHART_COLUMNS], half_open[TCA_CHART_COLUMNS];
    int64_t half_open_ns; /* the end of what half_open was told of so far */
    uint32_t half_open_now;
    struct web_client client[WEB_CLIENTS];
    uint64_t elsewhere; /* connections in trouble of clients beyond these */
};

/* A connection that is shown. */
struct web_flow {
    uint64_t key; /* how bad it is */
    enum tca_finding_id id;
    uint8_t addr[16];
    uint16_t port;
    struct tca_buf html; /* owned */
};

struct tca_web {
    struct tca_buf captures, incidents; /* rows of their tables */
    uint64_t capture_count, incident_count, troubled_listeners, flows, troubled_flows;
    int64_t first_ns, last_ns; /* of all captures; -1: no record */
    uint64_t packets;
    struct web_panel *panel; /* owned, WEB_PANELS of them */
    size_t panels;
    struct web_flow flow[WEB_FLOWS]; /* worst first */
    size_t flow_count;
    int64_t states_from_ns, states_width_ns;
    uint32_t state[WEB_STATES][TCA_CHART_COLUMNS];
    uint32_t state_now[WEB_STATES];
    int64_t state_ns; /* as half_open_ns */
    bool failed;      /* memory is out */
};

/* ---- told by the engine, in this order: captures, incidents, listeners; then flows; then counts of sockets ---- */
int tca_web_new(struct tca_web **ret_web); /* 0 or TCA_EMEMORY */
void tca_web_free(struct tca_web *web);    /* accepts NULL */
int tca_web_capture(struct tca_web *web, const struct tca_capture_facts *facts);
int tca_web_incident(struct tca_web *web, const struct tca_incident *one,
                     const struct tca_capture_facts *capture);
/* `incident`: the gravest of its own; NULL: there is none. */
int tca_web_listener(struct tca_web *web, const struct tca_listener *listener,
                     const struct tca_incident *incident, const struct tca_capture_facts *capture);
/* All of these were told. */
void tca_web_begin(struct tca_web *web);
int tca_web_flow(struct tca_web *web, const struct tca_flow_view *view);
/* A row of the census in buckets of states_width_ns, of all hosts; or of a panel's listener in buckets of its width. */
void tca_web_states(struct tca_web *web, const struct tca_census_row *row);
void tca_web_half_open(struct web_panel *panel, const struct tca_census_row *row);
/* `summary`: its text. 0, TCA_EMEMORY or TCA_EOUTPUT. */
int tca_web_write(struct tca_web *web, const char *summary, tca_write_fn *fn, void *user);

/* ---- parts ---- */
bool tca_web_at(const struct web_panel *panel, const struct tca_dossier *d);
void tca_web_panel_flow(struct web_panel *panel, const struct tca_flow_view *view);
void tca_web_panel_end(struct web_panel *panel);
void tca_web_worst(struct tca_web *web, const struct tca_flow_view *view);
void tca_web_put_summary(const char *summary, struct tca_buf *out);
void tca_web_put_panel(struct web_panel *panel, const struct tca_web *web, struct tca_buf *out);
void tca_web_put_states(struct tca_web *web, struct tca_buf *out);
void tca_web_put_flows(const struct tca_web *web, struct tca_buf *out);
/* Add to counts of columns up to this moment what stood since the last one. */
void tca_web_hold(uint32_t *column, int64_t from_ns, int64_t width_ns, int64_t since_ns, int64_t until_ns,
                  uint32_t count);
/* Was it told by something that people are to look at? */
bool tca_web_troubled(const struct tca_verdict *v);

#endif
