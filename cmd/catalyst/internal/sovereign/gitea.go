package sovereign

import (
	"fmt"
	"path/filepath"
)

func gitea(s Settings, bin Binaries) Component {
	return Component{
		Name: "gitea", Title: "Gitea", Port: portGitea + s.PortOffset,
		Binary: filepath.Join(bin.Gitea, "gitea"), Args: []string{"web", "--config", s.GiteaConfigFile()},
		Ready: Probe{URL: s.GiteaURL() + "/api/healthz"},
		Env:   map[string]string{"GITEA_WORK_DIR": s.File("gitea")},
	}
}

// GiteaConfigFile is where Gitea reads its configuration.
func (s Settings) GiteaConfigFile() string { return s.File("gitea", "app.ini") }

// GiteaConfig renders the configuration; assets is the folder with Gitea's options and pages, user the account that
// runs it.
func GiteaConfig(s Settings, sec *Secrets, assets, user string) string {
	unsafe := ""
	if user == "root" {
		unsafe = "I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true\n"
	}
	work := s.File("gitea")
	return fmt.Sprintf(`APP_NAME = Catalyst
RUN_MODE = prod
RUN_USER = %[1]s
WORK_PATH = %[2]s
%[3]s
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = %[4]d
ROOT_URL = %[5]s/
DISABLE_SSH = true
OFFLINE_MODE = true
LFS_START_SERVER = false
STATIC_ROOT_PATH = %[6]s
LANDING_PAGE = login

[database]
DB_TYPE = sqlite3
PATH = %[2]s/gitea.db
SQLITE_JOURNAL_MODE = WAL

[repository]
ROOT = %[2]s/repositories
DEFAULT_BRANCH = main
DEFAULT_PRIVATE = private
DISABLE_STARS = true

[security]
INSTALL_LOCK = true
SECRET_KEY = %[7]s
MIN_PASSWORD_LENGTH = 6

[oauth2]
ENABLED = false
JWT_SECRET = %[8]s

[service]
DISABLE_REGISTRATION = true
REQUIRE_SIGNIN_VIEW = true
DEFAULT_KEEP_EMAIL_PRIVATE = false
DEFAULT_ALLOW_CREATE_ORGANIZATION = false

[webhook]
ALLOWED_HOST_LIST = loopback
DELIVER_TIMEOUT = 5

[indexer]
ISSUE_INDEXER_TYPE = db

[session]
PROVIDER = memory

[cache]
ADAPTER = memory

; The default queue on disk is polled, up to two seconds late, and waits for more: these two stand between a push and
; everybody who waits for it. What they lose when Gitea is killed is found by listing.
[queue.push_update]
TYPE = channel
BATCH_LENGTH = 1

[queue.webhook_sender]
TYPE = channel
BATCH_LENGTH = 1

[log]
MODE = console
LEVEL = Warn

[actions]
ENABLED = false

[packages]
ENABLED = false

[mailer]
ENABLED = false

[federation]
ENABLED = false

[cron.update_checker]
ENABLED = false

[other]
SHOW_FOOTER_VERSION = false
`, user, work, unsafe, portGitea+s.PortOffset, s.GiteaURL(), assets, sec.GiteaSecret, sec.GiteaJWT)
}
