# SPDX-License-Identifier: GPL-2.0-or-later
"""Planted faults, each as somebody could make it, and the tests that must find it.

A test is the name that meson knows it by; behind a colon stands a word for those that take one. The
quickest comes first: the first that fails has found it. `old` stands in its file exactly once.
"""
import collections

Mutant = collections.namedtuple("Mutant", "name file old new tests")
TABLE = []


def mutant(name, file, old, new, *tests):
    TABLE.append(Mutant(name, file, old, new, tests))


# ---------------------------------------------------------------- the contract

mutant("early-plug", "daemon/session.c",
       "\tset_state(s, SESSION_STARTED);\n\tif (s->info.monitor_connected)\n"
       "\t\tsession_post(s, SESSION_NEWS_PLUG);\n",
       "\tset_state(s, SESSION_STARTED);\n\tif (s->info.monitor_connected)\n"
       "\t\tsession_display_plug(s);\n",
       "contract-start", "contract-run")
mutant("plug-without-monitor", "daemon/session.c",
       "\tif (s->info.monitor_connected)\n\t\tsession_post(s, SESSION_NEWS_PLUG);",
       "\tsession_post(s, SESSION_NEWS_PLUG);\n\ts->info.monitor_connected = true;",
       "contract-start", "contract-run")
mutant("double-report", "daemon/session.c",
       "\tif (s->state == SESSION_STOP_PENDING || s->has_ended ||\n",
       "\tif (s->state == SESSION_STOP_PENDING ||\n",
       "model", "contract-run", "contract-process")
mutant("kernel-queue-lost", "daemon/session.c",
       "\tif (s->n_kernel_queue > 0)\n\t\tsession_post(s, SESSION_NEWS_HELD);\n", "",
       "contract-start", "contract-run")
mutant("rtsp-socket-closed", "daemon/rtsp/server.c",
       "\tif (s->started)\n\t\t(void)flush_queue(s);\n",
       "\tif (s->started)\n\t\t(void)flush_queue(s);\n\t(void)shutdown(s->fd, SHUT_RDWR);\n",
       "rtsp-server", "contract-start", "contract-run")
mutant("stop-never-ends", "daemon/session.c",
       "\tsession_post(s, SESSION_NEWS_STOPPED);\n", "\t(void)s;\n",
       "contract-run", "contract-process", "model")
mutant("teardown-waits-for-ever", "daemon/rtsp/exchange.c",
       "\tx->state_deadline = x->now + x->limits.teardown;\n", "",
       "rtsp-session", "contract-run")
mutant("stop-unplugs", "daemon/session-display.c",
       "\ts->n_kernel_queue = 0;\n\tif (s->head)\n\t\thead_revoke_stream(s->head);\n",
       "\ts->n_kernel_queue = 0;\n\tif (s->head)\n\t\thead_unplug(s->head);\n",
       "contract-run", "contract-process", "model")
mutant("stream-not-revoked", "daemon/session-display.c",
       "\t\thead_revoke_stream(s->head);\n", "\t\t;\n",
       "contract-run", "contract-process", "model")
mutant("second-start", "daemon/session.c",
       "\tif (s->state != SESSION_STOPPED || s->was_started)\n",
       "\tif (s->state != SESSION_STOPPED)\n",
       "contract-create", "contract-start", "model")
mutant("destroy-forgets-head", "daemon/session.c",
       "\thead_free(s->head);\n\tsd_event_unref(s->event);", "\tsd_event_unref(s->event);",
       "contract-create", "contract-run", "model")

# ---------------------------------------------------------------- RTSP

mutant("m3-before-m2", "daemon/rtsp/exchange.c",
       "\t\texchange_go(x, EXCHANGE_STATE_SINK_OPTIONS);\n",
       "\t\texchange_go(x, EXCHANGE_STATE_CAPABILITIES);\n",
       "rtsp-exchange")
mutant("no-gap-before-m3", "daemon/rtsp/exchange.c",
       ".gap = clock_limit_us(50 * MSEC),", ".gap = clock_limit_us(1),",
       "profiles:hisense")
mutant("cseq-not-counted", "daemon/rtsp/exchange-wire.c",
       "x->request_cseq = x->next_cseq++;", "x->request_cseq = x->next_cseq;",
       "rtsp-exchange")
mutant("cseq-of-replies-ignored", "daemon/rtsp/exchange.c",
       "(m->has_cseq && m->cseq != x->request_cseq && request != REQUEST_M16)", "false",
       "rtsp-exchange")
mutant("keep-alive-never-sent", "daemon/rtsp/exchange.c",
       "\telse if (is_live(x) && x->now >= x->next_keepalive)\n"
       "\t\texchange_want(x, REQUEST_M16);\n", "",
       "rtsp-session")
mutant("keep-alive-not-needed", "daemon/rtsp/exchange.c",
       "\tif (x->request == REQUEST_M16)\n\t\texchange_fail(",
       "\tif (x->request == REQUEST_M16)\n\t\treturn;\n\telse if (x->request == REQUEST_NONE)\n"
       "\t\texchange_fail(",
       "rtsp-session")
mutant("missing-teardown", "daemon/rtsp/exchange.c",
       "\tif (x->has_session)\n\t\texchange_go(x, EXCHANGE_STATE_TEARDOWN);\n",
       "\tif (x->has_session && false)\n\t\texchange_go(x, EXCHANGE_STATE_TEARDOWN);\n",
       "rtsp-session")
mutant("wrong-session-accepted", "daemon/rtsp/exchange-session.c",
       "\treturn !text_is(text_trim(id), x->session_id);\n",
       "\treturn text_trim(id).size != 8;\n",
       "rtsp-session", "hostile:20:")
mutant("session-id-too-long", "daemon/rtsp/exchange-private.h",
       "#define SESSION_ID_SIZE\t      9u", "#define SESSION_ID_SIZE\t      18u",
       "rtsp-exchange", "profiles:lg-tv")
mutant("session-with-timeout", "daemon/rtsp/exchange-wire.c",
       'rtsp_write_header(&w, "Session", "%s", x->session_id);',
       'rtsp_write_header(&w, "Session", "%s;timeout=30", x->session_id);',
       "rtsp-session", "rtsp-exchange")
mutant("idr-request-ignored", "daemon/rtsp/exchange-session.c",
       "\t\ttell(x, x->ops->on_idr_request);\n", "\t\t;\n",
       "rtsp-session")
mutant("m13-before-answer", "daemon/rtsp/exchange-session.c",
       "\texchange_send_status(x, m, 200);\n\tif (x->state == EXCHANGE_STATE_TEARDOWN",
       "\ttell_parameters(x, WFD_PARAM_BIT(WFD_PARAM_IDR_REQUEST));\n"
       "\texchange_send_status(x, m, 200);\n\tif (x->state == EXCHANGE_STATE_TEARDOWN",
       "rtsp-session")
mutant("public-with-more", "daemon/rtsp/exchange-session.c",
       '"org.wfa.wfd1.0, SETUP, TEARDOWN, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER"',
       '"org.wfa.wfd1.0, OPTIONS, SETUP, TEARDOWN, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER"',
       "rtsp-exchange", "profiles:minimal")
mutant("body-off-by-one", "daemon/rtsp/message.c",
       "\tret->body = (struct text){ head + f->head_size, f->body_size };",
       "\tret->body = (struct text){ head + f->head_size, f->body_size + 1 };",
       "rtsp-message", "rtsp-message replay")
mutant("trickle-for-ever", "daemon/rtsp/server.c",
       "\telse if (took_one || s->partial_deadline == UINT64_MAX)\n", "\telse\n",
       "rtsp-server", "hostile:1:")
mutant("queue-without-end", "daemon/rtsp/server.c",
       "\tif (size > sizeof(s->queue) - s->queue_size)\n\t\treturn -ENOBUFS;\n",
       "\tif (size > sizeof(s->queue) - s->queue_size)\n\t\treturn 0;\n",
       "rtsp-server", "hostile:25:")
mutant("port-1-refused", "daemon/rtsp/transport.c",
       "text_decimal(first, UINT16_MAX, &rtp) < 0 || rtp == 0",
       "text_decimal(first, UINT16_MAX, &rtp) < 0 || rtp <= 1024",
       "rtsp-transport")
mutant("last-port-refused", "daemon/rtsp/transport.c",
       "text_decimal(first, UINT16_MAX, &rtp) < 0", "text_decimal(first, UINT16_MAX - 1, &rtp) < 0",
       "rtsp-transport", "profiles:odd-ports")
mutant("stream-to-anywhere", "daemon/session-rtsp.c",
       "\tpeer.sin_port = htons(port);\n",
       "\tpeer.sin_port = htons(port);\n\tpeer.sin_addr.s_addr += htonl(1);\n",
       "contract-start", "hostile:19:")

# ---------------------------------------------------------------- parameters and the choice

mutant("level-too-low", "daemon/rtsp/wfd-choice.c",
       "\tif (c->level_idc > codec->max_level_idc ||\n\t    (c->list", "\tif ((c->list",
       "wfd-choice")
mutant("interlaced-chosen", "daemon/rtsp/wfd-choice.c",
       "mode->interlaced || !fits_caps", "!fits_caps",
       "wfd-choice")
mutant("mode-not-listed", "daemon/rtsp/wfd-choice.c",
       "|| !(modes & UINT64_C(1) << c->index)", "",
       "wfd-choice")
mutant("both-lists-used", "daemon/rtsp/wfd-choice.c",
       "if (list != WFD_LIST_R1 || !sink->video_x.n_codecs)", "",
       "wfd-choice", "contract-start")
mutant("desktop-not-fitted", "daemon/session-display.c",
       "(s->is_refused_mode || s->is_degraded)", "s->is_degraded",
       "contract-mode")
mutant("mode-table-slips", "daemon/rtsp/wfd-modes.c",
       "PAIR(1360, 768), PAIR(1366, 768),", "PAIR(1366, 768), PAIR(1360, 768),",
       "wfd-choice")
mutant("parameter-off-by-one", "daemon/rtsp/wfd-formats.c",
       "f.at[2 + t] & (wide", "f.at[3 + t] & (wide",
       "wfd-params", "wfd-choice")
mutant("slices-off-by-one", "daemon/rtsp/wfd-formats.c",
       "(f.at[7] & SLICES_MASK) + 1", "(f.at[7] & SLICES_MASK)",
       "wfd-params")
mutant("hex-taken-for-decimal", "daemon/rtsp/text.c",
       "value = value << 4 | (uint64_t)text_hex_digit",
       "value = value * 10 + (uint64_t)text_hex_digit",
       "wfd-params", "rtsp-message")
mutant("no-audio-codec-in-m4", "daemon/rtsp/exchange-wire.c",
       "\twfd_write_audio_codecs(&w, choice);\n\tif (x->has_session", "\tif (x->has_session",
       "rtsp-exchange")
mutant("zeros-for-none", "daemon/rtsp/wfd-choice.c",
       "00 %04x %04x 00 none none\\r\\n\",", "00 %04x %04x 00 0000 0000\\r\\n\",",
       "wfd-choice")
mutant("slices-for-everybody", "daemon/rtsp/wfd-choice.c",
       "n > 1 && codec->min_slice_size > 0; n--", "n > 1; n--",
       "wfd-choice")
mutant("slice-too-small", "daemon/rtsp/wfd-choice.c",
       "smallest = lines / n * columns,", "smallest = lines * columns / n,",
       "wfd-choice")
mutant("slice-too-large", "daemon/rtsp/wfd-choice.c",
       "codec->slice_ratio > 0 && largest", "codec->slice_ratio > 7 && largest",
       "wfd-choice")
mutant("ladder-of-one", "daemon/rtsp/exchange-format.c",
       "\telse\n\t\tf->rung++;\n\treturn f->rung < f->n;",
       "\telse\n\t\tf->rung = f->n;\n\treturn f->rung < f->n;",
       "rtsp-exchange", "profiles:ladder")
mutant("edid-sum-unchecked", "daemon/rtsp/wfd-edid.c",
       "\treturn sum == 0;\n", "\treturn true;\n",
       "wfd-params", "wfd-choice")
mutant("made-edid-without-sum", "daemon/display/edid.c",
       "(uint8_t)(0x100 - sum)", "(uint8_t)(0xff - sum)",
       "edid", "edid replay")

# ---------------------------------------------------------------- the stream

mutant("sequence-number-reused", "daemon/stream/rtp.c",
       "\t*sequence = next;\n", "\t*sequence = next - (count > 1);\n",
       "rtp", "stream")
mutant("continuity-not-advanced", "daemon/stream/ts.c",
       "\tt->continuity[stream] = (t->continuity[stream] + 1) & 0x0f;\n", "",
       "ts")
mutant("continuity-of-plain-packets", "daemon/stream/ts.c",
       "\t\tt->continuity[TS_VIDEO] = (t->continuity[TS_VIDEO] + 1) & 0x0f;\n",
       "\t\tt->continuity[TS_VIDEO] = (t->continuity[TS_VIDEO] + 1) & 0x07;\n",
       "ts")
mutant("pcr-gap", "daemon/stream/ts.c",
       "#define PCR_DUE_NS   (35 * NSEC_PER_MSEC)", "#define PCR_DUE_NS   (55 * NSEC_PER_MSEC)",
       "ts", "stream")
mutant("psi-gap", "daemon/stream/ts.c",
       "#define PSI_DUE_NS   (92 * NSEC_PER_MSEC)", "#define PSI_DUE_NS   (192 * NSEC_PER_MSEC)",
       "ts", "stream")
mutant("pcr-stands-still", "daemon/stream/ts.c",
       "\t\tset_pcr(p + 6, now_ns);\n",
       "\t\tset_pcr(p + 6, now_ns / NSEC_PER_SEC * NSEC_PER_SEC);\n",
       "ts", "stream")
mutant("video-stuffing", "daemon/stream/ts.c",
       "build_pes_header(header, 0xe0, 0, size, pts)",
       "build_pes_header(header, 0xe0, 2, size, pts)",
       "ts", "stream")
mutant("length-of-the-first-part", "daemon/stream/ts.c",
       "p->parts > 1 ? UINT16_MAX : sizeof(delimiter)", "sizeof(delimiter)",
       "stream")
mutant("half-a-picture-given-up", "daemon/stream/sender.c",
       "\t\tif (f->part == 0)\n\t\t\tbegun = has_begun(s, i, f);\n",
       "\t\tbegun = has_begun(s, i, f);\n",
       "sender")
mutant("rest-without-beginning", "daemon/stream/sender.c",
       "\ts->drops_rest = !begun;\n", "",
       "sender")
mutant("part-behind-a-new-socket", "daemon/stream/sender.c",
       "\ts->needs_idr = true;\n\ts->drops_rest = true;\n", "\ts->needs_idr = true;\n",
       "sender")
mutant("pts-of-the-first-part", "daemon/stream/stream.c",
       "size * parts, now_ns", "size, now_ns",
       "stream")
mutant("parts-numbered-from-zero", "daemon/media/pipeline.c",
       "return part + 1 < parts ? part + 1 : 0;", "return part;",
       "pipeline")
mutant("frame-num-of-x264", "daemon/encode/encoder-x264-units.c",
       "if (is_slice && e->has_sets)", "if (is_slice && !e->has_sets)",
       "encoder-rest")
mutant("settled-too-early", "daemon/encode/encoder-x264-units.c",
       "#define SKIPPED_IN_ROW 12", "#define SKIPPED_IN_ROW 1",
       "encoder-rest")
mutant("pmt-crc", "daemon/stream/ts.c",
       "\tuint32_t crc = UINT32_MAX;\n", "\tuint32_t crc = 0;\n",
       "ts")
mutant("pmt-version-stays", "daemon/stream/ts.c",
       "\t\tt->version = (t->version + 1) & 0x1f;\n", "",
       "ts")
mutant("pts-marker", "daemon/stream/ts.c",
       "\tpts_at[2] = (uint8_t)(0x01 | pts >> 14);", "\tpts_at[2] = (uint8_t)(pts >> 14 & 0xfe);",
       "ts")
mutant("pts-in-the-past", "daemon/stream/timing.c",
       "timing_90k(pts_ns + late_ns)", "timing_90k(pts_ns)",
       "timing", "stream")
mutant("pts-twice", "daemon/stream/timing.c",
       "\tif (pts <= *last_pts)\n\t\tpts = *last_pts + 1;\n", "",
       "timing", "stream")
mutant("no-psi-at-idr", "daemon/stream/ts.c",
       "bool psi = (p->idr && p->part == 0) || is_due(t->psi_ns, PSI_EARLY_NS, now_ns);",
       "bool psi = is_due(t->psi_ns, PSI_EARLY_NS, now_ns);",
       "ts", "stream")
mutant("successor-unmarked", "daemon/stream/ts.c",
       ".discontinuity = successor ? (1u << TS_STREAMS) - 1 : 0,", ".discontinuity = 0,",
       "ts", "stream")
mutant("adaptation-length", "daemon/stream/ts.c",
       "\tp[0] = (uint8_t)(size - 1);\n", "\tp[0] = (uint8_t)size;\n",
       "ts")

# ---------------------------------------------------------------- media

mutant("fact-without-end", "daemon/media/protocol.c",
       "valid = IS_STRING(m->demoted.from) && IS_STRING(m->demoted.to) &&",
       "valid = IS_STRING(m->demoted.from) &&",
       "media-protocol", "media-fact replay")
mutant("caps-without-end", "daemon/media/protocol.c",
       "\treturn IS_STRING(c->encoder) && c->profiles != 0 &&", "\treturn c->profiles != 0 &&",
       "media-protocol", "media-fact replay")
mutant("version-unchecked", "daemon/media/protocol.c",
       "\tif (m->header.version != MEDIA_PROTOCOL_VERSION)\n\t\treturn -EPROTONOSUPPORT;\n", "",
       "media-protocol")
mutant("heartbeat-ignored", "daemon/media/process.c",
       "fact.header.type == MEDIA_HEARTBEAT || fact.header.type == MEDIA_CAPS",
       "fact.header.type == MEDIA_CAPS",
       "contract-process", "session:a good session", "session:media")
mutant("hung-media-kept", "daemon/media/process.c",
       'lost(userdata, "it hung: no sign of life for 2 seconds");', "(void)userdata;",
       "contract-process", "session:hung")
mutant("media-not-restarted", "daemon/media/supervisor.c",
       "\treturn losses >= LOSSES_MAX;\n", "\treturn losses >= 1;\n",
       "contract-process", "session:media killed")
mutant("media-restarted-for-ever", "daemon/media/supervisor.c",
       "\treturn losses >= LOSSES_MAX;\n", "\treturn false;\n",
       "contract-process", "session:again and again")
mutant("successor-not-started", "daemon/media/supervisor.c",
       "\tsend_configure(s);\n\tsend_source(s);\n\tsend_start(s);\n\ttell_caps(s, caps);",
       "\tsend_configure(s);\n\tsend_source(s);\n\ttell_caps(s, caps);",
       "contract-process", "session:media killed")
mutant("clip-of-any-colour", "daemon/capture/y4m.c",
       '\treturn refuse(why, "colours C%.*s',
       '\tif (t->size > 3)\n\t\treturn 0;\n\treturn refuse(why, "colours C%.*s',
       "y4m")
mutant("every-idr-request-obeyed", "daemon/media/pipeline.c",
       "#define IDR_INTERVAL_NS (500 * NSEC_PER_MSEC)", "#define IDR_INTERVAL_NS (5 * NSEC_PER_MSEC)",
       "pipeline", "session:IDR requests")
mutant("end-of-picture-unknown", "daemon/media/pipeline.c",
       "p->repeats ? p->still_ns : close_ns", "p->still_ns",
       "pipeline")
mutant("clip-repeated", "daemon/media/pipeline.c",
       "#define CLOSE_NS	(60 * NSEC_PER_MSEC)", "#define CLOSE_NS	(20 * NSEC_PER_MSEC)",
       "pipeline")
mutant("idr-not-closed", "daemon/media/pipeline.c",
       "\tif (result->packet.idr)\n\t\tp->repeats = 0;", "\tif (false)\n\t\tp->repeats = 0;",
       "pipeline")
mutant("rests-too-long", "daemon/media/pipeline-control.c",
       "#define STILL_NS   (500 * NSEC_PER_MSEC)", "#define STILL_NS   (700 * NSEC_PER_MSEC)",
       "pipeline")
mutant("end-of-picture-encoded", "daemon/encode/encoder-x264-units.c",
       "\te->was_new = !e->repeated || e->packet.idr;\n", "",
       "encoder-rest")
mutant("refused-idr-forgotten", "daemon/media/pipeline.c",
       "\tr = stream_push(p->stream, packet, now_ns); /* -> on_first_datagram, ... */\n",
       "\tr = stream_push(p->stream, packet, now_ns); /* -> on_first_datagram, ... */\n"
       "\tif (packet->idr)\n\t\tp->idr_ns = NEVER_NS;\n",
       "pipeline-faults")
mutant("rate-rise-unused", "daemon/encode/encoder-x264.c",
       "\te->skipped_in_row = 0;", "\t;",
       "encoder-rest")
mutant("repetition-in-parts", "daemon/encode/encoder-x264-units.c",
       " && !e->repeated;", ";",
       "encoder-rest")
mutant("abandons-the-picture-before", "daemon/stream/sender.c",
       "bool first = s->drops_rest;", "bool first = false;",
       "sender")
mutant("late-twice", "daemon/stream/stream.c",
       " && !s->late)", ")",
       "stream")
mutant("half-a-picture-left", "daemon/stream/sender.c",
       "if (!f->given_up && !has_begun(s, i, f))\n\t\t\tgive_up(s, f);",
       "(void)give_up;",
       "sender")
mutant("late-part-untold", "daemon/stream/stream.c",
       "f->late_ns = get_lateness(s, now_ns);", "(void)get_lateness;",
       "stream")

# ---------------------------------------------------------------- rate and RTCP

mutant("sink-maximum-ignored", "daemon/session-rate.c",
       "exchange_get_sink(s->exchange)->max_bitrate", "0",
       "contract-link", "contract-run", "profiles:ms-adapter-4k")
mutant("own-loss-unseen", "daemon/rate.c",
       "\treturn span_us > 2 * r->shortest_us &&", "\treturn span_us > SUSPICION_US &&",
       "rate", "rate-loop")
mutant("stray-loss-is-the-links-own", "daemon/rate.c",
       "#define COUNT_FIRST\t6u", "#define COUNT_FIRST\t4u", "rate", "rate-loop")
mutant("pause-cuts-a-picture", "daemon/media/pipeline-control.c",
       "\tpipeline_drain(p, PAUSE_MS);\n", "", "pipeline-faults")
mutant("no-delimiter", "daemon/stream/ts.c",
       "\theader_size += sizeof(delimiter);\n", "", "ts", "stream")
mutant("nack-counts-one", "daemon/rtsp/rtcp.c",
       "1 + (uint32_t)__builtin_popcount(entry & 0xffff)", "1",
       "rtcp")

# ---------------------------------------------------------------- Wi-Fi Direct

mutant("wpa-stranger-let-in", "daemon/link/link-wpa-group.c",
       "memcmp(mac, ret->mac, sizeof(mac)) == 0 ? 0 : -EPERM", "0",
       "link-failure")
mutant("wpa-second-station-stays", "daemon/link/link-wpa-group.c",
       "sd_bus_message_read(m, \"o\", &path) > 0 &&\n\t    !is_the_sink(w, path)",
       "sd_bus_message_read(m, \"o\", &path) < 0",
       "link-failure")
mutant("wpa-forged-signals-count", "daemon/link/link-wpa.c",
       "!w->owner[0] || strcmp(sender, w->owner) != 0", "!w->owner[0]",
       "link-life")
mutant("wpa-pins-without-end", "daemon/link/link-wpa-retry.c",
       "++a->pin_tries < WPA_PIN_TRIES", "++a->pin_tries < 1000",
       "link-failure")
mutant("wpa-elements-kept", "daemon/link/link-wpa-radio.c",
       "\tif (!w->has_saved)\n\t\treturn;", "\treturn;",
       "link-life")
mutant("wpa-deadly-name-for-ever", "daemon/link/link-wpa.c",
       "\t\tw->is_given_up = true;", "\t\tw->is_given_up = false;",
       "link-life")
mutant("wpa-radio-taken-unasked", "daemon/link/link-wpa-radio.c",
       "return w->is_find_wanted || w->attempt.is_active;", "return true;",
       "link-life")
mutant("wpa-refused-find-final", "daemon/link/link-wpa-find.c",
       "\tif (wpa_reply_error(m) < 0)\n\t\tpause_find(w);", "\t(void)wpa_reply_error(m);",
       "link-life")
mutant("wpa-slow-invitation-given-up", "daemon/link/link-wpa-connect.c",
       "wpa_set_limit(w, WPA_FORM_US, on_no_invitation)",
       "wpa_set_limit(w, WPA_INVITE_US, on_no_invitation)",
       "link-connect")

# ---------------------------------------------------------------- link and log

mutant("second-client-let-in", "daemon/link/link-direct.c",
       "\tl->rtsp_fd = rtsp_fd;\n\tstop_listening(l);\n",
       "\tl->rtsp_fd = rtsp_fd;\n"
       "\tl->limit_source = sd_event_source_disable_unref(l->limit_source);\n",
       "link", "hostile:24: a second")
mutant("accept-spins", "daemon/link/link-direct.c",
       "errno != EAGAIN && errno != ECONNABORTED && errno != EINTR", "errno == EBADF",
       "link", "hostile:58:")
mutant("escapes-in-the-log", "daemon/util/log.c",
       "\t\tif (*c < 0x20 || *c == 0x7f)\n", "\t\tif (*c == 0x7f)\n",
       "log")
