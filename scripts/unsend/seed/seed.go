// Package seed writes a community that is described in a YAML file into a
// deployment: servers, roles, members, channels, lists, overrides and windows.
//
// # The file
//
//	servers:
//	  - id: harbour
//	    owner: olga                      # must be one of the members
//	    windows: {own: 2m, moderator: 1h}
//	    roles:
//	      - id: everyone                 # optional; allows SendMessage where it is left out
//	        allow: [SendMessage]
//	      - id: moderator
//	        priority: 10                 # smaller is higher
//	        allow: [RevokeMemberMessage]
//	        deny: [AtAll]
//	        windows: {moderator: unlimited}
//	    members:
//	      - account: olga
//	        nick: Olga
//	        roles: [moderator]
//	        banned: false
//	    channels:
//	      - id: crew
//	        view: private                # or public
//	        windows: {own: never}
//	        whitelist: {roles: [moderator], accounts: [bob]}
//	        blacklist: {accounts: [mallory]}
//	        overrides:
//	          roles: {everyone: {deny: [SendMessage]}}
//	          accounts: {bob: {allow: [SendMessage]}}
//
// A window is a time (90s, 2m, 1h30m, 7d), "never" or "unlimited"; one that is
// left out is not set at this level.
//
// # What it does
//
// The file is checked whole before anything is written, and everything that is
// wrong with it is reported together. Writing it again changes nothing. What the file names ends up as
// the file says, field by field; what it does not name (another server, role, channel, member, or somebody
// else's entry in a list) stays as it is. Nothing is ever removed: ids do not come back,
// so taking one away is no business of a file that may have lost a line.
package seed

import (
	"unsend/shared/chat"
)

// File is a checked community.
type File struct {
	Servers []Server
}

// Server is a server with all that belongs to it.
type Server struct {
	ID       name
	Owner    name
	Windows  chat.Windows
	Roles    []Role
	Members  []Member
	Channels []Channel
}

// Role is a role of a server.
type Role struct {
	ID       name
	Priority int
	Grant    chat.Grant
	Windows  chat.Windows
}

// Member is a member of a server.
type Member struct {
	Account name
	Nick    string
	Roles   []name
	Banned  bool
}

// Channel is a channel of a server.
type Channel struct {
	ID               name
	View             chat.ViewMode
	Windows          chat.Windows
	White, Black     list
	Overrides        []override // by role
	AccountOverrides []override
}

// name is an id with its place in the file.
type name struct {
	Value string
	at    place
}

type list struct {
	Roles, Accounts []name
}

type override struct {
	For   name
	Grant chat.Grant
}
