/*
 * Tells of what happens to Services and to this node by Events of Kubernetes, for `kubectl describe`
 * and `kubectl get events`.  What is told when is up to event_book.h; this writes it.  An Event has
 * the same name whenever it is told again, so it is one object, whose count grows.
 */
#ifndef K8S_EVENT_RECORDER_H
#define K8S_EVENT_RECORDER_H

#include "base/loop.h"
#include "base/text.h"
#include "k8s/api_writer.h"
#include "k8s/event_book.h"

/* What is told of is told within this time, on whichever node. */
#define K8S_EVENT_SPREAD_MS 10000

struct k8s_event_recorder;

/* The writer is borrowed; the name of this node is copied. */
struct k8s_event_recorder *k8s_event_recorder_new(struct loop *loop, struct k8s_api_writer *writer,
    const char *node_name, uint64_t seed, uint32_t spread_ms);
void k8s_event_recorder_free(struct k8s_event_recorder *recorder);
void k8s_event_recorder_note(struct k8s_event_recorder *recorder, const struct k8s_event *event);
/* The process is about to end: what is noted from now on is told at once. */
void k8s_event_recorder_hurry(struct k8s_event_recorder *recorder);
/* Events that were told; that were not, for there were too many. */
uint64_t k8s_event_recorder_told(const struct k8s_event_recorder *recorder);
uint64_t k8s_event_recorder_dropped(const struct k8s_event_recorder *recorder);

/* The parts, for tests: the Event's name and namespace, and the object itself as JSON. */
void k8s_event_append_name(
    const struct k8s_event_record *record, const char *node_name, struct text *name);
const char *k8s_event_namespace(const struct k8s_event_record *record);
char *k8s_event_encode(const struct k8s_event_record *record, const char *node_name);

#endif
