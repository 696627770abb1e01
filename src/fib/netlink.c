/*
 * Two sockets.  Requests go out on one: many messages in one sendmsg(), of which only the last one
 * asks for an acknowledgement.  The kernel works through them in order before sendmsg() returns
 * and answers the others only if they failed, so a batch of hundreds of routes costs three system
 * calls. When the last one's answer is in, every request of the batch without an error was done.
 * One batch a turn, and one unanswered at a time: this is the window.  As the kernel may take long,
 * most of all if others change its routes too, a batch is made smaller after one that took longer
 * than a turn should, and larger again after quick ones.
 *
 * The other socket has notifications and dumps, in the order in which things happened.  A socket
 * filter drops in the kernel the notifications that our own requests cause, which would otherwise
 * come back one by one.
 *
 * A socket whose receive buffer is full says so once (ENOBUFS), and from then on the kernel drops
 * all that it has for it without a word, until everything has been read.  So after a loss both
 * sockets are read to their end, before the next batch is sent and before dumps are asked for:
 * what these tell would otherwise be out of date already, with nobody to say so.
 *
 * Reading is done on the sockets of libnl with recvmsg() and not with nl_recvmsgs(): that one reads
 * a dump to its end in one call, however long it is, and allocates for every message.
 */
#include "fib/netlink.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/filter.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"

#define BATCH_BYTES 65536
#define SMALL_BATCH_BYTES 8192
#define BATCH_REQUESTS 512
#define BATCH_REQUESTS_MIN 32
/* A batch that took longer was too large, one that took less may have been larger. */
#define BATCH_LONG_MS 3
#define BATCH_SHORT_MS 2
#define RECEIVE_BYTES 65536
#define READS_PER_TURN 8
#define RETRY_MS 50
/* The kernel has answered before a request's system call is over: this long means never. */
#define SILENCE_MS 2000
/* Linux has no errno above it. */
#define ERRNO_MAX 4095
/* The system's limit is passed if we may: an overrun costs a dump of everything. */
#define REQUEST_RECEIVE_BUFFER (4 << 20)
#define EVENT_RECEIVE_BUFFER (16 << 20)
#define DUMPS_MAX 16

struct dump {
	int type;
	int family;
};

struct fib_netlink {
	struct loop *loop;
	const struct fib_netlink_ops *ops;
	void *arg;

	struct nl_sock *requests;
	struct loop_watch request_watch;
	struct loop_task send_task;
	struct loop_timer send_timer; /* after a send that the kernel had no memory for */
	uint8_t *queue; /* messages; those before the head have been sent */
	size_t queue_head;
	size_t queue_tail;
	size_t queue_capacity;
	uint64_t
	    *tags; /* those of the batch that is out from the head on, then those of the queue */
	size_t tag_head;
	size_t tag_tail;
	size_t tag_capacity;
	size_t batch_limit; /* octets */
	size_t batch_count; /* requests out; 0: none */
	size_t batch_most; /* requests that the kernel takes in good time */
	uint32_t batch_sequence; /* of the first one */
	uint32_t next_sequence;
	bool answered[BATCH_REQUESTS]; /* those of the batch that failed */
	bool answers_lost; /* of the batch */
	struct loop_timer answer_timer; /* for answers that do not come */

	struct nl_sock *events;
	struct loop_watch event_watch;
	bool events_lost; /* to be reported when the rest has been read */
	struct loop_task read_task; /* reads on after a loss: the rest may be nothing */
	struct loop_timer
	    dump_timer; /* for a dump that could not be asked for, or has fallen silent */
	struct dump dumps[DUMPS_MAX]; /* the first one runs */
	size_t dump_count;
	uint32_t dump_sequence;
	bool dump_interrupted;
	bool dump_refused;
	bool dump_heard; /* since the timer was started */

	_Alignas(struct nlmsghdr) uint8_t buffer[RECEIVE_BYTES];
};

/* Sockets */

static void set_receive_buffer(int fd, int bytes)
{
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

static void set_option(struct nl_sock *socket, int option)
{
	const int on = 1;

	/* Old kernels lack some of these and are served without. */
	setsockopt(nl_socket_get_fd(socket), SOL_NETLINK, option, &on, sizeof(on));
}

static struct nl_sock *open_socket(int receive_buffer, struct error *error)
{
	struct nl_sock *socket = nl_socket_alloc();
	int result = socket ? nl_connect(socket, NETLINK_ROUTE) : -NLE_NOMEM;

	if (!result)
		result = nl_socket_set_nonblocking(socket);
	if (result) {
		error_set(error, "cannot open a netlink socket: %s", nl_geterror(result));
		nl_socket_free(socket);
		return NULL;
	}
	set_receive_buffer(nl_socket_get_fd(socket), receive_buffer);
	set_option(socket, NETLINK_EXT_ACK);
	set_option(socket, NETLINK_CAP_ACK);
	set_option(socket, NETLINK_GET_STRICT_CHK);
	return socket;
}

/* The kernel refuses a message that is longer than the buffer; libnl leaves it at 64 KiB. */
static size_t make_send_buffer(const struct nl_sock *socket)
{
	const int wanted = 2 * BATCH_BYTES;
	const int fd = nl_socket_get_fd(socket);
	int size = 0;
	socklen_t length = sizeof(size);

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof(wanted));
	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &length) < 0 ||
	    size < 2 * SMALL_BATCH_BYTES)
		return SMALL_BATCH_BYTES;
	return size / 2 < BATCH_BYTES ? (size_t)size / 2 : BATCH_BYTES;
}

/* Drops notifications that carry the port of the request socket. */
static void filter_own_requests(const struct fib_netlink *netlink)
{
	/* The filter loads in network order what netlink has in host order. */
	const uint32_t port = __builtin_bswap32(nl_socket_get_local_port(netlink->requests));
	const bool little_endian = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_pid)),
	    BPF_JUMP(
		BPF_JMP | BPF_JEQ | BPF_K, little_endian ? port : __builtin_bswap32(port), 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	    BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	/* Without the filter everything works, only with more to read. */
	setsockopt(nl_socket_get_fd(netlink->events), SOL_SOCKET, SO_ATTACH_FILTER, &program,
	    sizeof(program));
}

/*
 * One datagram of the kernel into the buffer: its length, 0 if it is to be skipped, or a negative
 * errno; -ENOBUFS if something was lost.
 */
static ssize_t receive(struct fib_netlink *netlink, const struct nl_sock *socket)
{
	struct sockaddr_nl from = {0};
	struct iovec vector = {netlink->buffer, sizeof(netlink->buffer)};
	struct msghdr header = {
	    .msg_name = &from,
	    .msg_namelen = sizeof(from),
	    .msg_iov = &vector,
	    .msg_iovlen = 1,
	};
	ssize_t length;

	do {
		length = recvmsg(nl_socket_get_fd(socket), &header, MSG_DONTWAIT);
	} while (length < 0 && errno == EINTR);
	if (length < 0)
		return -errno;
	if (from.nl_pid != 0)
		return 0; /* another process pretends to be the kernel */
	return header.msg_flags & MSG_TRUNC ? -ENOBUFS : length;
}

/* The message at `*offset` of the `length` octets received, or NULL; moves the offset past it. */
static const struct nlmsghdr *next_message(
    const struct fib_netlink *netlink, ssize_t length, size_t *offset)
{
	const struct nlmsghdr *message;
	const size_t left = length > (ssize_t)*offset ? (size_t)length - *offset : 0;

	if (left < sizeof(*message))
		return NULL;
	message = (const struct nlmsghdr *)(netlink->buffer + *offset);
	if (message->nlmsg_len < sizeof(*message) || message->nlmsg_len > left)
		return NULL;
	*offset += NLMSG_ALIGN(message->nlmsg_len);
	return message;
}

/* Requests */

static void schedule_send(struct fib_netlink *netlink)
{
	if (!netlink->batch_count && netlink->queue_head < netlink->queue_tail &&
	    !loop_timer_is_running(&netlink->send_timer))
		loop_task_schedule(netlink->loop, &netlink->send_task);
}

/* How many requests at the front of the queue make a batch; `*bytes` is their length. */
static size_t measure_batch(const struct fib_netlink *netlink, size_t *bytes)
{
	size_t count = 0;
	size_t length = 0;

	while (count < netlink->batch_most && netlink->queue_head + length < netlink->queue_tail) {
		const struct nlmsghdr *message =
		    (struct nlmsghdr *)(netlink->queue + netlink->queue_head + length);

		if (length + message->nlmsg_len > netlink->batch_limit)
			break;
		length += NLMSG_ALIGN(message->nlmsg_len);
		count++;
	}
	*bytes = length;
	return count;
}

static void number_batch(struct fib_netlink *netlink, size_t count)
{
	struct nlmsghdr *message = (struct nlmsghdr *)(netlink->queue + netlink->queue_head);
	const uint32_t port = nl_socket_get_local_port(netlink->requests);
	size_t i;

	netlink->batch_sequence = netlink->next_sequence;
	for (i = 0; i < count; i++) {
		message->nlmsg_seq = netlink->next_sequence++;
		message->nlmsg_pid = port;
		if (i + 1 == count)
			message->nlmsg_flags |= NLM_F_ACK;
		else
			message->nlmsg_flags &= (uint16_t)~NLM_F_ACK;
		message = (struct nlmsghdr *)((uint8_t *)message + NLMSG_ALIGN(message->nlmsg_len));
	}
}

static void answer_request(struct fib_netlink *netlink, size_t i, int error, const char *text)
{
	netlink->answered[i] = true;
	netlink->ops->answered(netlink->arg, netlink->tags[netlink->tag_head + i], error, text);
}

/* The batch is over; `error` goes to the requests without an answer of their own. */
static void finish_batch(struct fib_netlink *netlink, int error)
{
	const char *text = error == ENOBUFS ? "the kernel's answer is lost" : NULL;
	const size_t count = netlink->batch_count;
	size_t i;

	loop_timer_stop(&netlink->answer_timer);
	for (i = 0; i < count; i++) {
		if (!netlink->answered[i])
			answer_request(netlink, i, error, text);
	}
	netlink->answers_lost = false;
	netlink->tag_head += count;
	netlink->batch_count = 0;
	schedule_send(netlink);
	if (netlink->tag_head == netlink->tag_tail)
		netlink->ops->idle(netlink->arg);
}

/* The kernel's own words from an error with NETLINK_EXT_ACK, or NULL. */
static const char *error_text(const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = nlmsg_data(message);
	const size_t length = (size_t)nlmsg_datalen(message);
	struct nlattr *attributes[NLMSGERR_ATTR_MAX + 1];
	size_t offset = sizeof(*error);
	const char *text;

	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(message->nlmsg_flags & NLM_F_CAPPED) && error->msg.nlmsg_len > sizeof(error->msg)) {
		if (error->msg.nlmsg_len > length)
			return NULL;
		offset += NLMSG_ALIGN(error->msg.nlmsg_len) - sizeof(error->msg);
	}
	if (offset > length ||
	    nla_parse(attributes, NLMSGERR_ATTR_MAX,
		(struct nlattr *)((uint8_t *)nlmsg_data(message) + offset), (int)(length - offset),
		NULL) < 0 ||
	    !attributes[NLMSGERR_ATTR_MSG] || nla_len(attributes[NLMSGERR_ATTR_MSG]) < 1)
		return NULL;
	text = nla_data(attributes[NLMSGERR_ATTR_MSG]);
	return text[nla_len(attributes[NLMSGERR_ATTR_MSG]) - 1] ? NULL : text;
}

/* The errno of an answer, 0 for success; EPROTO if it is none. */
static int answer_error(const struct nlmsgerr *error)
{
	return error->error <= 0 && error->error >= -ERRNO_MAX ? -error->error : EPROTO;
}

static void read_answer(struct fib_netlink *netlink, const struct nlmsghdr *message)
{
	const uint32_t i = message->nlmsg_seq - netlink->batch_sequence;
	const struct nlmsgerr *error = nlmsg_data(message);

	if (message->nlmsg_type != NLMSG_ERROR || nlmsg_datalen(message) < (int)sizeof(*error) ||
	    i >= netlink->batch_count)
		return;
	if (error->error && !netlink->answered[i])
		answer_request(netlink, i, answer_error(error), error_text(message));
	if (i + 1 == netlink->batch_count)
		finish_batch(netlink, netlink->answers_lost ? ENOBUFS : 0);
}

static void read_answers(struct fib_netlink *netlink)
{
	ssize_t length = 0;

	while (netlink->batch_count && (length >= 0 || length == -ENOBUFS)) {
		const struct nlmsghdr *message;
		size_t offset = 0;

		length = receive(netlink, netlink->requests);
		netlink->answers_lost |= length < 0 && length != -EAGAIN;
		while ((message = next_message(netlink, length, &offset)))
			read_answer(netlink, message);
	}
	if (!netlink->batch_count)
		return;
	if (netlink->answers_lost)
		finish_batch(netlink, ENOBUFS);
	else if (!loop_timer_is_running(&netlink->answer_timer))
		loop_timer_start(&netlink->answer_timer, SILENCE_MS);
}

static void end_waiting(void *arg)
{
	struct fib_netlink *netlink = arg;

	/* It may be this process that has been asleep. */
	read_answers(netlink);
	if (netlink->batch_count)
		finish_batch(netlink, ENOBUFS);
}

static void answers_ready(void *arg)
{
	struct fib_netlink *netlink = arg;

	loop_name_work(netlink->loop, "answers of the kernel");
	/* Without a batch nothing is expected, but what came must not keep the socket readable. */
	if (netlink->batch_count)
		read_answers(netlink);
	else
		receive(netlink, netlink->requests);
}

static bool is_lack_of_memory(int error)
{
	return error == EAGAIN || error == ENOBUFS || error == ENOMEM || error == EINTR;
}

static void adapt_batch(struct fib_netlink *netlink, uint64_t took_ms)
{
	size_t most = netlink->batch_most;

	if (took_ms > BATCH_LONG_MS)
		most /= 2;
	else if (took_ms < BATCH_SHORT_MS)
		most *= 2;
	most = most > BATCH_REQUESTS_MIN ? most : BATCH_REQUESTS_MIN;
	netlink->batch_most = most < BATCH_REQUESTS ? most : BATCH_REQUESTS;
}

static void send_batch(struct fib_netlink *netlink)
{
	const uint64_t start = loop_now(netlink->loop);
	size_t bytes;
	const size_t count = measure_batch(netlink, &bytes);
	ssize_t sent;
	int error;

	if (!count || netlink->batch_count)
		return;
	number_batch(netlink, count);
	sent = send(nl_socket_get_fd(netlink->requests), netlink->queue + netlink->queue_head,
	    bytes, MSG_DONTWAIT);
	error = errno;
	adapt_batch(netlink, loop_now(netlink->loop) - start);
	if (sent < 0 && is_lack_of_memory(error)) {
		netlink->batch_most = BATCH_REQUESTS_MIN;
		loop_timer_start(&netlink->send_timer, RETRY_MS);
		return;
	}
	netlink->queue_head += bytes;
	netlink->batch_count = count;
	memset(netlink->answered, 0, sizeof(netlink->answered));
	if (sent < 0)
		finish_batch(netlink, error);
	else
		read_answers(netlink);
}

static void run_send_task(void *arg)
{
	struct fib_netlink *netlink = arg;

	loop_name_work(netlink->loop, "requests to the kernel");
	send_batch(netlink);
}

/* Moves what is not done to the front when that is worth it. */
static void compact_queue(struct fib_netlink *netlink)
{
	if (netlink->queue_head * 2 >= netlink->queue_tail) {
		netlink->queue_tail -= netlink->queue_head;
		if (netlink->queue_tail)
			memmove(netlink->queue, netlink->queue + netlink->queue_head,
			    netlink->queue_tail);
		netlink->queue_head = 0;
	}
	if (netlink->tag_head * 2 >= netlink->tag_tail) {
		netlink->tag_tail -= netlink->tag_head;
		if (netlink->tag_tail)
			memmove(netlink->tags, netlink->tags + netlink->tag_head,
			    netlink->tag_tail * sizeof(*netlink->tags));
		netlink->tag_head = 0;
	}
}

void fib_netlink_request(struct fib_netlink *netlink, struct nlmsghdr *message, uint64_t tag)
{
	const size_t length = NLMSG_ALIGN(message->nlmsg_len);

	compact_queue(netlink);
	netlink->queue =
	    memory_grow(netlink->queue, &netlink->queue_capacity, netlink->queue_tail + length, 1);
	memcpy(netlink->queue + netlink->queue_tail, message, length);
	netlink->queue_tail += length;
	netlink->tags = memory_grow(
	    netlink->tags, &netlink->tag_capacity, netlink->tag_tail + 1, sizeof(*netlink->tags));
	netlink->tags[netlink->tag_tail++] = tag;
	schedule_send(netlink);
}

size_t fib_netlink_pending(const struct fib_netlink *netlink)
{
	return netlink->tag_tail - netlink->tag_head;
}

void fib_netlink_flush(struct fib_netlink *netlink, uint64_t limit_ms)
{
	const uint64_t deadline = loop_now(netlink->loop) + limit_ms;

	while (fib_netlink_pending(netlink) && loop_now(netlink->loop) < deadline) {
		struct pollfd ready = {.fd = nl_socket_get_fd(netlink->requests), .events = POLLIN};

		send_batch(netlink);
		if (netlink->batch_count && poll(&ready, 1, RETRY_MS) > 0)
			read_answers(netlink);
		else if (loop_timer_is_running(&netlink->send_timer))
			usleep(RETRY_MS * 1000);
	}
}

/* Dumps and notifications */

static size_t dump_header_size(int type)
{
	static const struct {
		int type;
		size_t size;
	} headers[] = {
	    {RTM_GETLINK, sizeof(struct ifinfomsg)},
	    {RTM_GETADDR, sizeof(struct ifaddrmsg)},
	    {RTM_GETRULE, sizeof(struct fib_rule_hdr)},
	    {RTM_GETROUTE, sizeof(struct rtmsg)},
	    {RTM_GETNEIGH, sizeof(struct ndmsg)},
	    {RTM_GETNEXTHOP, sizeof(struct nhmsg)},
	};
	size_t i = 0;

	while (headers[i].type != type)
		i++;
	return headers[i].size;
}

static void start_dump(struct fib_netlink *netlink)
{
	/* Strict checking wants the full header of each kind, zeroed but for the family. */
	struct {
		struct nlmsghdr header;
		union {
			struct ifinfomsg link;
			struct ifaddrmsg address;
			struct fib_rule_hdr rule;
			struct rtmsg route;
			struct ndmsg neighbour;
			struct nhmsg next_hop;
		} body;
	} request = {{0}, {{0}}};
	const size_t body_size = dump_header_size(netlink->dumps[0].type);

	request.header.nlmsg_len = (uint32_t)(sizeof(request.header) + body_size);
	request.header.nlmsg_type = (uint16_t)netlink->dumps[0].type;
	request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request.header.nlmsg_seq = ++netlink->dump_sequence;
	/* The family is the first octet of all of them. */
	request.body.route.rtm_family = (uint8_t)netlink->dumps[0].family;
	netlink->dump_interrupted = false;
	netlink->dump_heard = false;
	netlink->dump_refused = send(nl_socket_get_fd(netlink->events), &request,
				    request.header.nlmsg_len, MSG_DONTWAIT) < 0;
	loop_timer_start(&netlink->dump_timer, netlink->dump_refused ? RETRY_MS : SILENCE_MS);
}

static void finish_dump(struct fib_netlink *netlink, bool complete)
{
	const int type = netlink->dumps[0].type;

	loop_timer_stop(&netlink->dump_timer);
	netlink->dump_refused = false;
	netlink->dump_count--;
	memmove(
	    netlink->dumps, netlink->dumps + 1, netlink->dump_count * sizeof(netlink->dumps[0]));
	if (netlink->dump_count)
		start_dump(netlink);
	netlink->ops->dumped(netlink->arg, type, complete);
}

/* It was refused, or the kernel had no memory for its next part and would never go on. */
static void look_after_dump(void *arg)
{
	struct fib_netlink *netlink = arg;

	if (netlink->dump_refused || !netlink->dump_heard) {
		finish_dump(netlink, false);
		return;
	}
	netlink->dump_heard = false;
	loop_timer_start(&netlink->dump_timer, SILENCE_MS);
}

void fib_netlink_dump(struct fib_netlink *netlink, int type, int family)
{
	if (netlink->dump_count == DUMPS_MAX)
		abort();
	netlink->dumps[netlink->dump_count++] = (struct dump){type, family};
	if (netlink->dump_count == 1)
		start_dump(netlink);
}

/* How a dump ended: 0 or more, or a negative errno. */
static int dump_result(const struct nlmsghdr *message)
{
	const int *result = nlmsg_data(message);

	return nlmsg_datalen(message) < (int)sizeof(*result) ? 0 : *result;
}

/* Of what the kernel has not at all, as policy rules in a small one, there is nothing to tell. */
static bool is_complete(int result)
{
	return result >= 0 || result == -EOPNOTSUPP || result == -EAFNOSUPPORT;
}

static void read_event(struct fib_netlink *netlink, const struct nlmsghdr *message)
{
	const bool of_dump = netlink->dump_count && !netlink->dump_refused &&
			     message->nlmsg_seq == netlink->dump_sequence &&
			     message->nlmsg_pid == nl_socket_get_local_port(netlink->events);

	netlink->dump_heard |= of_dump;
	if (of_dump && message->nlmsg_flags & NLM_F_DUMP_INTR)
		netlink->dump_interrupted = true;
	if (message->nlmsg_type >= NLMSG_MIN_TYPE)
		netlink->ops->message(netlink->arg, message);
	else if (of_dump &&
		 (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE))
		finish_dump(
		    netlink, !netlink->dump_interrupted && is_complete(dump_result(message)));
}

/* All has been read: only now does the kernel tell of the next loss. */
static void end_reading(struct fib_netlink *netlink)
{
	if (!netlink->events_lost)
		return;
	netlink->events_lost = false;
	netlink->ops->overrun(netlink->arg);
}

/*
 * There may be more than was read.  If so the socket is ready; but where something was lost and
 * nothing more is there, no other thing would bring us back to say so.
 */
static bool read_later(struct fib_netlink *netlink)
{
	if (netlink->events_lost)
		loop_task_schedule(netlink->loop, &netlink->read_task);
	return false;
}

bool fib_netlink_read(struct fib_netlink *netlink)
{
	unsigned i;

	for (i = 0; i < READS_PER_TURN; i++) {
		const ssize_t length = receive(netlink, netlink->events);
		const struct nlmsghdr *message;
		size_t offset = 0;

		if (length == -ENOBUFS) {
			netlink->events_lost = true;
			continue;
		}
		if (length < 0) {
			end_reading(netlink);
			return true;
		}
		while ((message = next_message(netlink, length, &offset)))
			read_event(netlink, message);
		if (loop_should_yield(netlink->loop))
			break;
	}
	return read_later(netlink);
}

static void events_ready(void *arg)
{
	struct fib_netlink *netlink = arg;

	loop_name_work(netlink->loop, "notifications of the kernel");
	fib_netlink_read(netlink);
}

struct fib_netlink *fib_netlink_new(
    struct loop *loop, const struct fib_netlink_ops *ops, void *arg, struct error *error)
{
	struct fib_netlink *netlink = memory_allocate_zero(1, sizeof(*netlink));
	int result;

	netlink->loop = loop;
	netlink->ops = ops;
	netlink->arg = arg;
	netlink->next_sequence = 1;
	netlink->batch_most = BATCH_REQUESTS_MIN;
	loop_task_init(&netlink->send_task, run_send_task, netlink);
	loop_task_init(&netlink->read_task, events_ready, netlink);
	loop_timer_init(loop, &netlink->send_timer, run_send_task, netlink);
	loop_timer_init(loop, &netlink->answer_timer, end_waiting, netlink);
	loop_timer_init(loop, &netlink->dump_timer, look_after_dump, netlink);
	netlink->requests = open_socket(REQUEST_RECEIVE_BUFFER, error);
	if (netlink->requests)
		netlink->events = open_socket(EVENT_RECEIVE_BUFFER, error);
	if (!netlink->events) {
		fib_netlink_free(netlink);
		return NULL;
	}
	netlink->batch_limit = make_send_buffer(netlink->requests);
	filter_own_requests(netlink);
	result = nl_socket_add_memberships(netlink->events, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR,
	    RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,
	    RTNLGRP_IPV6_RULE, 0);
	if (result) {
		error_set(error, "cannot listen to netlink: %s", nl_geterror(result));
		fib_netlink_free(netlink);
		return NULL;
	}
	/* Older kernels have no such objects and no such group. */
	nl_socket_add_membership(netlink->events, RTNLGRP_NEXTHOP);
	loop_watch_start(loop, &netlink->request_watch, nl_socket_get_fd(netlink->requests),
	    answers_ready, NULL, netlink);
	loop_watch_start(loop, &netlink->event_watch, nl_socket_get_fd(netlink->events),
	    events_ready, NULL, netlink);
	return netlink;
}

void fib_netlink_hear_neighbours(struct fib_netlink *netlink, bool hear)
{
	/* The group exists in every kernel, and joining or leaving twice does nothing. */
	if (hear)
		nl_socket_add_membership(netlink->events, RTNLGRP_NEIGH);
	else
		nl_socket_drop_membership(netlink->events, RTNLGRP_NEIGH);
}

void fib_netlink_free(struct fib_netlink *netlink)
{
	if (!netlink)
		return;
	loop_watch_stop(&netlink->request_watch);
	loop_watch_stop(&netlink->event_watch);
	loop_task_cancel(netlink->loop, &netlink->send_task);
	loop_task_cancel(netlink->loop, &netlink->read_task);
	loop_timer_free(&netlink->send_timer);
	loop_timer_free(&netlink->answer_timer);
	loop_timer_free(&netlink->dump_timer);
	nl_socket_free(netlink->requests);
	nl_socket_free(netlink->events);
	free(netlink->queue);
	free(netlink->tags);
	free(netlink);
}
