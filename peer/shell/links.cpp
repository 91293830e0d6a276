#include "peer/shell/links.hpp"

#include <fmt/format.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "common/os/clock.hpp"
#include "peer/shell/socket_address.hpp"
#include "peer/shell/system_text.hpp"
#include "peer/shell/tcp_socket.hpp"

namespace peer {
namespace {

using common::os::monotonic_now;
using common::os::UniqueFd;

/// Until the next try, once there is no descriptor for who wants to connect.
constexpr Duration kAcceptPause = std::chrono::milliseconds(100);
/// A flood of connections leaves time for the rest.
constexpr int kAcceptsPerCall = 16;

/// Bytes that the kernel has taken and the other side has not, the end of our side counting as one.
int unacknowledged(int fd) {
  int bytes = 0;
  return ::ioctl(fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

}  // namespace

void Links::add(LinkId link, UniqueFd fd, State state, std::optional<TimePoint> deadline) {
  disable_delay(fd.get());
  const auto [it, is_new] = links_.try_emplace(
      link, Link{.fd = std::move(fd), .serial = ++serial_, .state = state, .deadline = deadline});
  ENSURE(is_new);
}

void Links::adopt_server(UniqueFd connected) {
  add(Conversation::kServerLink, std::move(connected), State::kOpen, std::nullopt);
}

bool Links::has_room(LinkId like) const {
  const bool is_accepted = Conversation::is_accepted(like);
  const auto count = std::count_if(links_.begin(), links_.end(), [&](const auto& entry) {
    return Conversation::is_accepted(entry.first) == is_accepted;
  });
  return static_cast<std::size_t>(count) <
         (is_accepted ? Conversation::kAcceptedLinksMax : Conversation::kOwnLinksMax);
}

void Links::connect(const Conversation::Connect& connect) {
  ENSURE(!Conversation::is_accepted(connect.link) && !links_.contains(connect.link));
  const auto fail = [&](std::string_view why) {
    conversation_.handle_closed(monotonic_now(), connect.link, why);
  };
  if (!has_room(connect.link)) return fail("too many connections");
  const int family = connect.to.address.is_v6() ? AF_INET6 : AF_INET;
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return fail(describe_errno(errno));
  const SocketAddress to = to_socket_address(connect.to, family);
  if (::connect(fd.get(), to.get(), to.size) != 0 && errno != EINPROGRESS)
    return fail(describe_errno(errno));
  // Where it is connected already, poll() says so at once.
  add(connect.link, std::move(fd), State::kConnecting, monotonic_now() + connect.limit);
}

void Links::finish_connecting(LinkId id, Link& link) {
  int why = 0;
  socklen_t size = sizeof why;
  getsockopt(link.fd.get(), SOL_SOCKET, SO_ERROR, &why, &size);
  if (why != 0) return end(id, describe_errno(why));
  link.state = State::kOpen;
  link.deadline.reset();
  const auto local = local_endpoint(link.fd.get());
  conversation_.handle_connected(monotonic_now(), id, local.value_or(common::Endpoint()));
  send_unsent(id, link);
  if (link.is_to_close) begin_closing(id, link);
}

void Links::send(const Conversation::Send& send) {
  const auto it = links_.find(send.link);
  if (it == links_.end() || it->second.state == State::kClosing || it->second.is_to_close) return;
  Link& link = it->second;
  link.unsent += send.bytes;
  if (link.state == State::kOpen) send_unsent(send.link, link);
  if (link.unsent.size() > Conversation::kUnsentMax)
    end(send.link, "it does not take what is sent to it");
}

// A connection that broke is noticed in reading: there may be something to read before.
void Links::send_unsent(LinkId id, Link& link) {
  if (link.unsent.empty()) return;
  const ssize_t sent =
      ::send(link.fd.get(), link.unsent.data(), link.unsent.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent > 0) {
    link.unsent.erase(0, static_cast<std::size_t>(sent));
    if (!is_over_) conversation_.handle_sent(monotonic_now(), id, static_cast<std::size_t>(sent));
  } else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    link.lost = describe_errno(errno);
    link.unsent.clear();
  }
}

void Links::close(LinkId id, bool is_at_once) {
  const auto it = links_.find(id);
  if (it == links_.end()) return;
  if (is_at_once) return end(id, {});
  it->second.is_to_close = true;
  if (it->second.state == State::kOpen) begin_closing(id, it->second);
}

void Links::begin_closing(LinkId id, Link& link) {
  link.state = State::kClosing;
  link.deadline = monotonic_now() + Conversation::kCloseTime;
  handle_link_event(id, link, POLLOUT);
}

void Links::handle_link_event(LinkId id, Link& link, short events) {
  if (link.state == State::kConnecting) return finish_connecting(id, link);
  send_unsent(id, link);
  if (link.state == State::kClosing && link.unsent.empty() && !link.has_sent_end) {
    link.has_sent_end = true;
    ::shutdown(link.fd.get(), SHUT_WR);
  }
  if ((events & ~POLLOUT) != 0 && reads(id, link)) read(id, link);
}

bool Links::reads(LinkId id, const Link& link) const {
  return link.state == State::kClosing ||
         (link.state == State::kOpen && conversation_.wants_bytes(id));
}

void Links::read(LinkId id, Link& link) {
  std::array<char, 16 * 1024> chunk;
  const ssize_t got = ::recv(link.fd.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
  if (got > 0) {
    if (link.state == State::kClosing) return;
    const std::string_view bytes(chunk.data(), static_cast<std::size_t>(got));
    return conversation_.handle_bytes(monotonic_now(), common::os::wall_now(), id,
                                      common::as_bytes(bytes));
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got < 0) return end(id, describe_errno(errno));
  if (link.state == State::kOpen) return end(id, {});
  // Whoever closes before all has arrived has not read it all.
  if (!link.lost.empty()) return end(id, std::string(link.lost));
  const bool is_taken = link.unsent.empty() && unacknowledged(link.fd.get()) <= 1;
  end(id, is_taken ? "" : "it closed before it had taken what was sent");
}

void Links::end(LinkId id, std::string_view why) {
  links_.erase(id);
  if (!is_over_) conversation_.handle_closed(monotonic_now(), id, why);
}

Links::Link* Links::find(const Polled& polled) {
  const auto it = links_.find(polled.link);
  return it != links_.end() && it->second.serial == polled.serial ? &it->second : nullptr;
}

void Links::listen(std::uint16_t port) {
  using common::ExitStatus;
  auto listener = listen_tcp(port);
  if (!listener) {
    const bool in_use = listener.error() == std::errc::address_in_use;
    return conversation_.handle_listen_failed(
        monotonic_now(), in_use ? ExitStatus::kUnavailable : ExitStatus::kConfiguration,
        fmt::format("cannot listen on TCP port {}: {}", port,
                    in_use ? "the port is in use" : listener.error().message()));
  }
  listener_ = *std::move(listener);
  const auto bound = local_endpoint(listener_.get());
  conversation_.handle_listening(monotonic_now(), bound ? bound->port : port);
}

void Links::accept_all(const std::function<void()>& settle) {
  for (int i = 0; i < kAcceptsPerCall; ++i) {
    if (!listener_.is_open() || !has_room(Conversation::kAcceptedLinkMin) || !accept_one()) return;
    settle();
  }
}

// False if there is nobody more.
bool Links::accept_one() {
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  UniqueFd fd(::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&from), &size,
                        SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.is_open()) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
      accept_after_ = monotonic_now() + kAcceptPause;
    return errno == ECONNABORTED || errno == EINTR;
  }
  const auto there = from_socket_address(from);
  const auto here = local_endpoint(fd.get());
  if (!there || !here) return true;
  const LinkId id = next_accepted_id();
  // In the table before the conversation hears of it, and may already answer.
  add(id, std::move(fd), State::kOpen, std::nullopt);
  if (!conversation_.handle_accepted(monotonic_now(), id, *there, *here)) links_.erase(id);
  return true;
}

LinkId Links::next_accepted_id() {
  constexpr auto kFirst = static_cast<std::uint32_t>(Conversation::kAcceptedLinkMin);
  for (;;) {
    const LinkId id{kFirst | accepted_++};
    if (!links_.contains(id)) return id;  // after 2^31 of them they come round
  }
}

void Links::add_to(std::vector<pollfd>& fds) {
  const bool accepts = !accept_after_ && has_room(Conversation::kAcceptedLinkMin);
  fds.push_back({accepts ? listener_.get() : -1, POLLIN, 0});
  polled_.clear();
  for (const auto& [id, link] : links_) {
    short events = reads(id, link) ? POLLIN : 0;
    if (link.state == State::kConnecting || !link.unsent.empty()) events |= POLLOUT;
    // Nothing wanted must be no descriptor: poll() would report its end all the time.
    fds.push_back({events != 0 ? link.fd.get() : -1, events, 0});
    polled_.push_back({id, link.serial});
  }
}

void Links::handle_events(const pollfd* fds, const std::function<void()>& settle) {
  if (fds[0].revents != 0) accept_all(settle);
  for (std::size_t i = 0; i < polled_.size(); ++i) {
    const short events = fds[i + 1].revents;
    Link* link = find(polled_[i]);
    if (events == 0 || link == nullptr) continue;
    handle_link_event(polled_[i].link, *link, events);
    settle();
  }
}

void Links::handle_timeout() {
  const auto now = monotonic_now();
  if (accept_after_ && now >= *accept_after_) accept_after_.reset();
  std::vector<Polled> due;
  for (const auto& [id, link] : links_)
    if (link.deadline && now >= *link.deadline) due.push_back({id, link.serial});
  for (const Polled& polled : due) {
    const Link* link = find(polled);
    if (link == nullptr) continue;
    if (link->state == State::kConnecting) {
      end(polled.link, describe_errno(ETIMEDOUT));
    } else if (!link->lost.empty()) {
      end(polled.link, std::string(link->lost));
    } else {
      // Who only forgets to close his side has taken it all.
      const bool is_taken = link->unsent.empty() && unacknowledged(link->fd.get()) <= 1;
      end(polled.link, is_taken ? "" : "it does not take what is sent to it");
    }
  }
}

std::optional<TimePoint> Links::next_timeout() const {
  auto next = accept_after_;
  for (const auto& [id, link] : links_)
    if (link.deadline && (!next || *link.deadline < *next)) next = link.deadline;
  return next;
}

void Links::close_all() {
  is_over_ = true;
  listener_.reset();
  std::vector<LinkId> ids;
  for (const auto& [id, link] : links_) ids.push_back(id);
  for (const LinkId id : ids) {
    if (links_.at(id).state == State::kConnecting) {
      links_.erase(id);
    } else {
      close(id);
    }
  }
}

bool Links::has_unsent() const {
  return std::any_of(links_.begin(), links_.end(),
                     [](const auto& entry) { return !entry.second.unsent.empty(); });
}

}  // namespace peer
