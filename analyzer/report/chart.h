/* SPDX-License-Identifier: MIT
 *
 * Charts of counts over time, as SVG: strips one below the other over one axis of time, each with a line of words above it, so that
 * no words meet. A fixed number of columns, whatever time they stand for: whoever fills them has reduced what there was to what
 * a picture can show.
 *
 *      accept queue, candidates                        most 33, limit 32
 *      ▁▂▃▄▅▆▇███████████████▇▁▁▁▁▁▂▁▁▁▁
 *      SYNs dropped                                                  755
 *               ▂▃▂▄▂▃▂▄▂▃▂▂
 *      └─────────┴─────────┴─────────┴──────
 *      07:33:10  07:33:15  07:33:20
 *
 * Styles are classes (svg.h), which the page defines: tca_chart_style.
 */
#ifndef TCA_REPORT_CHART_H
#define TCA_REPORT_CHART_H

#include "classify/sweep/timeline.h"
#include "report/svg.h"

enum { TCA_CHART_COLUMNS = TCA_TIMELINE_COLUMNS, TCA_CHART_SPANS = 40 };

/* CSS without < and &, light and dark. */
extern const char tca_chart_style[];

/* Counts, each the most or the sum of its column. */
struct tca_strip {
    const char *title, *note; /* above it: at the left, cut where there is no room, and at the right */
    const uint32_t *value;    /* TCA_CHART_COLUMNS of them */
    const char *class;
    bool tall;
    uint32_t limit; /* a line across at this value; 0: none */
};

struct tca_chart {
    int64_t from_ns, width_ns;
    struct tca_buf strips;
    int32_t y;
    struct {
        int64_t first_ns, last_ns;
        const char *class;
    } span[TCA_CHART_SPANS];
    size_t spans;
};

/* The most of TCA_CHART_COLUMNS counts. */
uint32_t tca_chart_most(const uint32_t *value);

void tca_chart_begin(struct tca_chart *c, int64_t from_ns, int64_t width_ns);
/* Shade a time behind all strips; what finds no room is left out. `class`: static. */
void tca_chart_span(struct tca_chart *c, int64_t first_ns, int64_t last_ns, const char *class);
void tca_chart_strip(struct tca_chart *c, const struct tca_strip *strip);
/* The axis, and all of it into `out`; the chart is done with. */
void tca_chart_end(struct tca_chart *c, const char *title, const char *desc, struct tca_buf *out);

#endif
