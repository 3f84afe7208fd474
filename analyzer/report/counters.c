/* SPDX-License-Identifier: MIT
 *
 * Kernel counters: cells of the table, and the text that `nstat` would have printed. A counter that is 0 for sure is
 * left out, as nstat leaves it out; far from its host, or where records were left out, one that may be anything is left out, too.
 */
#include "report/row.h"

bool tca_counter_tells(const struct tca_host_counts *host, enum tca_counter_id id)
{
    const struct tca_bounds *b = &host->counts->of[id];
    return b->min || (b->max && tca_counts_bounded(host->counts));
}

static const struct tca_bounds *bounds_of(const struct counter_row *row)
{
    return &row->host->counts->of[row->id];
}

void cell_counters_capture(const struct counter_row *row, struct tca_buf *buf)
{
    tca_text_clean(buf, row->host->capture->name, row->opt->raw_text);
}

void cell_counters_host(const struct counter_row *row, struct tca_buf *buf)
{
    tca_anon_ip(buf, row->opt->anon, row->host->addr, row->host->family);
}

void cell_counters_counter(const struct counter_row *row, struct tca_buf *buf)
{
    tca_buf_str(buf, tca_counters[row->id].name);
}

void cell_counters_min(const struct counter_row *row, struct tca_buf *buf)
{
    tca_buf_u64(buf, bounds_of(row)->min);
}

void cell_counters_max(const struct counter_row *row, struct tca_buf *buf)
{
    if (bounds_of(row)->max != TCA_UNBOUNDED)
        tca_buf_u64(buf, bounds_of(row)->max);
}

void cell_counters_basis(const struct counter_row *row, struct tca_buf *buf)
{
    tca_buf_str(buf, tca_counters[row->id].basis);
}

/* ---- nstat ---- */

static void pad_to(struct tca_buf *text, size_t begin, size_t width)
{
    do
        tca_buf_char(text, ' ');
    while (text->used - begin < width && !text->failed);
}

enum { BOUND_WIDTH = 12, NAME_WIDTH = 32 };

static void nstat_line(struct tca_buf *text, const struct tca_counter *counter, const struct tca_bounds *b)
{
    size_t begin = text->used;
    tca_buf_str(text, counter->name);
    pad_to(text, begin, NAME_WIDTH);
    tca_buf_u64(text, b->min);
    pad_to(text, begin, NAME_WIDTH + BOUND_WIDTH);
    if (b->max == TCA_UNBOUNDED)
        tca_buf_char(text, '-');
    else
        tca_buf_u64(text, b->max);
    pad_to(text, begin, NAME_WIDTH + 2 * BOUND_WIDTH);
    tca_buf_str(text, "# ");
    tca_buf_str(text, counter->basis);
    tca_buf_char(text, '\n');
}

/* What the bounds below rest on. */
static const char *basis_of(const struct tca_counts *counts)
{
    if (tca_counts_bounded(counts))
        return "captured at this host; counters told here that are not listed are 0";
    if (tca_counts_near(counts) && !counts->facts.left_out)
        return "captured at this host, but segments are missing: lower bounds only";
    if (tca_counts_near(counts))
        return "captured at this host, but records were left out: lower bounds only";
    if (counts->facts.close > counts->facts.far)
        return "captured close to this host, perhaps at it: lower bounds only";
    return "captured elsewhere: lower bounds only";
}

void tca_text_nstat(const struct tca_host_counts *host, struct tca_buf *text)
{
    tca_buf_str(text, "#host ");
    tca_anon_ip(text, host->capture->anon, host->addr, host->family);
    tca_buf_str(text, ": ");
    tca_buf_str(text, basis_of(host->counts));
    if (host->both_families)
        tca_buf_str(text, "; its kernel counts IPv4 and IPv6 together, here each address is told apart");
    tca_buf_str(text, "; of ");
    tca_text_clean(text, host->capture->name, true);
    tca_buf_char(text, '\n');
    for (unsigned id = 0; id < TCA_COUNTER_COUNT; id++)
        if (tca_counter_tells(host, (enum tca_counter_id)id))
            nstat_line(text, &tca_counters[id], &host->counts->of[id]);
}
