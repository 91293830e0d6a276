#include "peer/shell/verify_run.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "common/os/atomic_file.hpp"
#include "common/os/standard_streams.hpp"
#include "common/os/unique_fd.hpp"
#include "common/safe_text.hpp"
#include "peer/receipt_file.hpp"
#include "peer/shell/known_peers_file.hpp"
#include "peer/shell/line_reader.hpp"
#include "peer/shell/user_folder.hpp"

namespace peer {
namespace {

using common::ExitStatus;
using common::os::print_error;

void complain(const std::string& text) { print_error(fmt::format("peer: {}\n", text)); }

class VerifyRun {
 public:
  VerifyRun(const Options& options, std::optional<sealed::KnownPeers> pins)
      : options_(options), pins_(std::move(pins)) {}

  ExitStatus run() {
    for (const std::string& file : options_.command)
      if (!check_file(file)) return ExitStatus::kOutput;
    return status_;
  }

 private:
  // Each returns false once standard output is closed.
  bool check_file(const std::string& file) {
    file_ = common::to_terminal(file);
    number_ = 0;
    seen_.clear();
    const common::os::UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.is_open()) return fail_to_read(common::os::last_error());
    LineReader reader(fd.get());
    constexpr std::size_t kLinesAtOnce = 16;
    for (auto lines = reader.next(kLinesAtOnce); !lines.empty();
         lines = reader.next(kLinesAtOnce)) {
      for (const LineReader::Line& line : lines)
        if (!check(line)) return false;
    }
    if (const auto error = reader.error()) return fail_to_read(error);
    return number_ > 0 || fail(ExitStatus::kBadInput, "has no receipt in it");
  }

  bool fail_to_read(const std::error_code& error) {
    number_ = 0;  // it is no line's fault
    return fail(ExitStatus::kBadInput, "cannot be read: " + error.message());
  }

  bool check(const LineReader::Line& line) {
    ++number_;
    if (line.is_overlong) return fail(ExitStatus::kBadInput, "is no receipt");
    const auto receipt = check_receipt_line(line.text);
    if (!receipt) return fail(ExitStatus::kBadInput, receipt.error());
    if (!seen_.insert({receipt->statement.id, receipt->statement.recipient.identity}).second)
      return fail(ExitStatus::kBadInput, "is there already");
    const Party& recipient = receipt->statement.recipient;
    std::string_view standing;
    if (pins_) {
      switch (pins_->judge(options_.registry_text, recipient.name, recipient.identity)) {
        case sealed::Trust::kVerified:
          standing = "  verified";
          break;
        case sealed::Trust::kMatch:
          standing = "  known";
          break;
        case sealed::Trust::kFirstUse:
          standing = "  not known here";
          break;
        case sealed::Trust::kUnreadable:
          return fail(ExitStatus::kConfiguration,
                      fmt::format("is by {}, whose line in known_peers cannot be read",
                                  recipient.name.text()));
        case sealed::Trust::kChanged:
          return fail(
              ExitStatus::kRefused,
              fmt::format("is signed by another key than that of {} here: {}",
                          recipient.name.text(), common::format_fingerprint(recipient.identity)));
      }
    }
    return common::os::print_output(describe(*receipt, standing));
  }

  bool fail(ExitStatus status, std::string_view text) {
    complain(
        fmt::format("{} {}", number_ == 0 ? file_ : fmt::format("{}:{}", file_, number_), text));
    if (status_ == ExitStatus::kOk || status == ExitStatus::kRefused) status_ = status;
    return true;
  }

  using Party = sealed::Party;

  const Options& options_;
  std::optional<sealed::KnownPeers> pins_;  // none: nobody's word on whose keys they are
  std::string file_;                        // as it is told
  std::size_t number_ = 0;                  // of the line, from 1; 0: the file as a whole
  std::set<std::pair<sealed::MessageId, common::IdentityKey>> seen_;  // as many as the file has
  ExitStatus status_ = ExitStatus::kOk;
};

}  // namespace

ExitStatus run_verify(const Options& options) {
  if (options.command.empty()) {
    complain("verify FILE... is wanted");
    return ExitStatus::kUsage;
  }
  std::optional<sealed::KnownPeers> pins;
  if (!options.registry_text.empty()) {
    const auto folder = data_folder();
    if (!folder) {
      complain("no place where pins are kept: set HOME or PEER_HOME");
      return ExitStatus::kConfiguration;
    }
    const KnownPeersFile file(*folder);
    auto parsed = file.load();
    if (!parsed) {
      complain(fmt::format("cannot read {}: {}", file.path().string(), parsed.error().message()));
      return ExitStatus::kConfiguration;
    }
    for (const auto& bad : parsed->bad_lines) {
      complain(
          fmt::format("{}, line {}: {}", file.path().string(), bad.number, to_string(bad.error)));
    }
    pins = std::move(parsed->peers);
  }
  return VerifyRun(options, std::move(pins)).run();
}

}  // namespace peer
