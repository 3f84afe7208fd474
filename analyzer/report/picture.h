/* SPDX-License-Identifier: MIT
 *
 * A ladder as a picture; private to report.
 *
 *     entries --> picture.c: as many as a picture may have --> picture_draw.c: rows, bars, arrows --> picture_svg.c
 *                                                     \                                        \--> picture_html.c
 *                                                      \--> picture_mermaid.c
 *
 * A picture is looked at whole, so it is bounded: of a long ladder its beginning and its end are kept, and of what is
 * between what findings rest on and what changed a state, while there is room. The rest is one entry that says how much it
 * stands for.
 */
#ifndef TCA_REPORT_PICTURE_H
#define TCA_REPORT_PICTURE_H

#include "report/explain_own.h"

enum {
    PICTURE_FIRST = 80,   /* entries from the beginning, ... */
    PICTURE_LAST = 60,    /* ... up to the end, ... */
    PICTURE_BETWEEN = 25, /* ... and between them, each behind what was left out before it */
    PICTURE_ROWS = PICTURE_FIRST + PICTURE_LAST + 2 * PICTURE_BETWEEN + 1,
};

/* Less room, where many pictures share a page. */
struct picture_room {
    size_t first, last;
    unsigned between; /* each as above, and no more */
};

struct picture {
    const struct picture_room *room; /* static */
    struct ladder_entry first[PICTURE_FIRST], between[2 * PICTURE_BETWEEN + 1], last[PICTURE_LAST];
    size_t firsts, betweens, lasts;
    size_t last_at;           /* of the ring `last`: its oldest */
    unsigned singled;         /* of `between`: entries kept, the others stand for what was left out */
    enum tca_state before[2]; /* of whatever leaves the ring: what was so until then */
    const struct ladder_entry *row[PICTURE_ROWS]; /* all of them in order, once the ladder has ended */
    size_t rows;
};

/* Forms' head and entry; the picture's rows, once there are no more entries. Without memory ex->out says so. */
void tca_picture_begin(struct tca_explain *ex);
void tca_picture_entry(struct tca_explain *ex, const struct ladder_entry *e);
const struct picture *tca_picture_rows(struct tca_explain *ex); /* NULL without memory */
void tca_picture_free(struct picture *picture);                 /* NULL too */

/* Does this judgement rest on this entry? */
bool tca_picture_proves(const struct tca_judgement *j, const struct ladder_entry *e);
/* The gravest of those findings that deserve a mark and rest on it; -1: none. */
int tca_picture_severity(const struct tca_explain *ex, const struct ladder_entry *e);
/* Does it deserve a mark? A normal opening or close does not. */
bool tca_picture_marked(const struct tca_judgement *j);

/* ---- picture_words.c: appended to `out`, never escaped ---- */
/* "frame 17", "frames 17 to 20" */
void tca_picture_frames(const struct tca_explain *ex, const struct ladder_entry *e, struct tca_buf *out);
/* An entry in one sentence. */
void tca_picture_title(const struct tca_explain *ex, const struct ladder_entry *e, struct tca_buf *out);
/* "10.0.0.1:40000 to 10.0.0.2:80", and what there was to say first of it. */
void tca_picture_ends(const struct tca_explain *ex, struct tca_buf *out);
void tca_picture_verdict(const struct tca_explain *ex, struct tca_buf *out);
/* "high, certain" */
void tca_picture_weight(const struct tca_judgement *j, struct tca_buf *out);

/* ---- picture_draw.c: the ladder itself, strip by strip ---- */
/* Styles of what is drawn, light and dark; CSS without < and &. */
extern const char tca_picture_style[];

struct canvas {
    struct tca_explain *ex; /* borrowed, as is ... */
    const struct picture *picture;
    int32_t left, client, arrows, server, marks, width; /* where each column begins; all of it */
    struct tca_buf under, bars, over;                   /* three layers of a strip */
    int32_t y;                                          /* where the next row begins */
    int32_t since[2];                                   /* each end's bar begins there */
    enum tca_state state[2];
    int quiet_rows[2]; /* since its state was written */
    bool nameless;     /* rows have no ids: there are other ladders on the page */
};
void tca_canvas_begin(struct canvas *c, struct tca_explain *ex, const struct picture *picture);
void tca_canvas_done(struct canvas *c);
void tca_canvas_heading(
    struct canvas *c); /* the names of the columns, and what was so before the first row */
void tca_canvas_row(struct canvas *c, const struct ladder_entry *e);
void tca_canvas_tail(struct canvas *c); /* what is so at the end stays so for a little */
/* End the bars here, and hand on what was drawn since the last time: the next strip begins here. */
void tca_canvas_flush(struct canvas *c, struct tca_buf *out);

/* ---- picture_html.c: strip by strip into ex->out ---- */
void tca_picture_strips(struct tca_explain *ex, struct canvas *c);

#endif
