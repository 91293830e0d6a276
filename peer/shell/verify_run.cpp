#include "peer/shell/verify_run.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "common/os/random.hpp"
#include "common/os/standard_streams.hpp"
#include "common/os/unique_fd.hpp"
#include "peer/receipt_file.hpp"
#include "peer/shell/line_reader.hpp"
#include "peer/shell/sealed_end.hpp"

namespace peer {
namespace {

using common::ExitStatus;
using common::os::print_error;

class VerifyRun {
 public:
  VerifyRun(const Options& options, std::optional<sealed::KnownPeers> pins)
      : options_(options), pins_(std::move(pins)) {}

  ExitStatus run() {
    const std::string& file = options_.command[0];
    const common::os::UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.is_open()) {
      print_error(fmt::format("peer: cannot read {}: {}\n", file, std::strerror(errno)));
      return ExitStatus::kBadInput;
    }
    LineReader reader(fd.get());
    constexpr std::size_t kLinesAtOnce = 16;
    for (auto lines = reader.next(kLinesAtOnce); !lines.empty();
         lines = reader.next(kLinesAtOnce)) {
      for (const LineReader::Line& line : lines)
        if (!check(line)) return ExitStatus::kOutput;
    }
    if (number_ == 0) fail(ExitStatus::kBadInput, "has no receipt in it");
    return status_;
  }

 private:
  /// False once standard output is closed.
  bool check(const LineReader::Line& line) {
    ++number_;
    if (line.is_overlong) return fail(ExitStatus::kBadInput, "is no receipt");
    const auto receipt = check_receipt_line(line.text);
    if (!receipt) return fail(ExitStatus::kBadInput, receipt.error());
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
        case sealed::Trust::kChanged:
        case sealed::Trust::kUnreadable:
          return fail(
              ExitStatus::kRefused,
              fmt::format("is signed by another key than that of {} here: {}",
                          recipient.name.text(), common::format_fingerprint(recipient.identity)));
      }
    }
    return common::os::print_output(describe(*receipt, standing));
  }

  bool fail(ExitStatus status, std::string_view text) {
    const std::string where =
        number_ == 0 ? options_.command[0] : fmt::format("{}:{}", options_.command[0], number_);
    print_error(fmt::format("peer: {} {}\n", where, text));
    if (status_ == ExitStatus::kOk || status == ExitStatus::kRefused) status_ = status;
    return true;
  }

  using Party = sealed::Party;

  const Options& options_;
  std::optional<sealed::KnownPeers> pins_;  // none: nobody's word on whose keys they are
  std::size_t number_ = 0;                  // of the line, from 1
  ExitStatus status_ = ExitStatus::kOk;
};

}  // namespace

ExitStatus run_verify(const Options& options) {
  if (options.command.size() != 1) {
    print_error("peer: verify FILE is wanted\n");
    return ExitStatus::kUsage;
  }
  std::optional<sealed::KnownPeers> pins;
  if (!options.registry_text.empty()) {
    common::os::SystemRandom random;
    auto files = KeyFiles::open(options, random);
    if (!files) {
      print_error(fmt::format("peer: {}\n", files.error().text));
      return ExitStatus::kConfiguration;
    }
    pins = std::move(files->pins);
  }
  return VerifyRun(options, std::move(pins)).run();
}

}  // namespace peer
