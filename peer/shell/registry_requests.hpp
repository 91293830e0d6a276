// A conversation's requests to the registry: made one after the other in a thread of their own,
// answered in their order. A shell: one caller, besides the thread inside.
#pragma once

#include <deque>
#include <optional>

#include "peer/conversation.hpp"
#include "peer/shell/job_thread.hpp"
#include "peer/shell/registry_client.hpp"

namespace peer {

class RegistryRequests {
 public:
  using Request = Conversation::RegistryRequest;
  using Answer = Conversation::RegistryAnswer;

  /// `advertise`: instead of the address of the route, and with a port instead of own_port.
  RegistryRequests(common::HostPort registry, std::optional<common::HostPort> advertise);
  /// Cancels what is under way and waits for the thread.
  ~RegistryRequests();
  RegistryRequests(const RegistryRequests&) = delete;
  RegistryRequests& operator=(const RegistryRequests&) = delete;
  /// The same, but waits for so long at most; false if the thread still runs. Looking up a host's
  /// name cannot be cancelled.
  bool stop_within(common::Duration time);

  /// At most Conversation::kRegistryRequestsMax that are not answered.
  void push(Request request);
  /// Readable when an answer is there.
  int fd() const { return thread_.fd(); }
  std::optional<Answer> take_answer();

 private:
  Answer work(const Request& request);

  RegistryClient client_;
  std::optional<common::HostPort> advertise_;
  std::deque<Request> waiting_;  // behind the one that the thread has
  bool is_busy_ = false;         // the thread has one, or its answer
  JobThread<Request, Answer> thread_;
};

}  // namespace peer
