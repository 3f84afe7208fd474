/* SPDX-License-Identifier: MIT
 *
 * Filters: BPF expressions as tcpdump takes them, compiled for a file's link type, matched in user space.
 * Names of hosts and networks are refused before libpcap sees them: it would ask the resolver, and an offline
 * program must not tell the network what it is looking at. Names of ports and protocols come from local
 * tables and are allowed.
 */
#ifndef TCA_CAPTURE_FILTER_H
#define TCA_CAPTURE_FILTER_H

#include <pcap/pcap.h>

#include "tcpautopsy/error.h"

/* Compile an expression for the link type of `pcap`. 0 and a program for pcap_freecode(), or TCA_EUSAGE with
 * words in *err. */
int tca_filter_compile(pcap_t *pcap, const char *expression, struct bpf_program *ret_program,
                       struct tca_error *err);

#endif
