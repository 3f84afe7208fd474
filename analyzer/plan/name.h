/* SPDX-License-Identifier: MIT
 *
 * Names of files that one capture was cut into: they differ in digits, and what was compressed afterwards in its end.
 *
 *      tcpdump -C        f.pcap f.pcap1 f.pcap2 ... f.pcap10         -W: f.pcap00 ... f.pcap99, again from 00
 *      tcpdump -G        whatever strftime makes of the name
 *      dumpcap -b        f_00001_20240714120117.pcapng
 *      netsniff-ng       dump-1720958477.pcap        Suricata    log.pcap.1720958477, log.2.1720958477
 */
#ifndef TCA_PLAN_NAME_H
#define TCA_PLAN_NAME_H

#include "base/buf.h"

#include <stdint.h>

enum { TCA_NAME_RUNS = 8 }; /* runs of digits that are looked at */

struct tca_name_run {
    uint64_t value;  /* UINT64_MAX: more than that holds */
    unsigned length; /* digits */
    unsigned place;  /* other characters before it */
};

/* The last part of a path. */
const char *tca_name_base(const char *path);
/* Its length without what compression added. */
size_t tca_name_length(const char *base);
/* All of it but digits. */
void tca_name_stem(const char *base, struct tca_buf *out);
/* The runs of digits; how many there are, no more than TCA_NAME_RUNS. */
unsigned tca_name_runs(const char *base, struct tca_name_run run[TCA_NAME_RUNS]);
/* By characters, and numbers by their values: f2 before f10. Negative, 0, positive, as strcmp(). */
int tca_name_compare(const char *one, const char *other);

#endif
