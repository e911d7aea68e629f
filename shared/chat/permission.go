package chat

import (
	"fmt"
	"slices"
	"strings"
)

// Permission is a QChat permission by its number, 1 to 27.
type Permission uint8

// The permissions.
const (
	ManageServer Permission = iota + 1
	ManageChannel
	ManageRole
	SendMessage
	UpdateMyInfo
	InviteMember
	KickMember
	UpdateMemberInfo
	RevokeMemberMessage
	DeleteMemberMessage
	AtMember
	AtAll
	ManageBlackWhiteList
	BanServerMember
	RTCChannelConnect
	RTCChannelDisconnectOther
	RTCChannelOpenMicrophone
	RTCChannelOpenCamera
	RTCChannelOpenCloseOtherMicrophone
	RTCChannelOpenCloseOtherCamera
	RTCChannelOpenCloseEveryoneMicrophone
	RTCChannelOpenCloseEveryoneCamera
	RTCChannelOpenScreenShare
	RTCChannelCloseOtherScreenShare
	ServerHandleApply
	GetServerInviteApplyRecords
	MentionRole

	maxPermission = MentionRole
)

var permissionNames = [...]string{
	ManageServer:                          "ManageServer",
	ManageChannel:                         "ManageChannel",
	ManageRole:                            "ManageRole",
	SendMessage:                           "SendMessage",
	UpdateMyInfo:                          "UpdateMyInfo",
	InviteMember:                          "InviteMember",
	KickMember:                            "KickMember",
	UpdateMemberInfo:                      "UpdateMemberInfo",
	RevokeMemberMessage:                   "RevokeMemberMessage",
	DeleteMemberMessage:                   "DeleteMemberMessage",
	AtMember:                              "AtMember",
	AtAll:                                 "AtAll",
	ManageBlackWhiteList:                  "ManageBlackWhiteList",
	BanServerMember:                       "BanServerMember",
	RTCChannelConnect:                     "RTCChannelConnect",
	RTCChannelDisconnectOther:             "RTCChannelDisconnectOther",
	RTCChannelOpenMicrophone:              "RTCChannelOpenMicrophone",
	RTCChannelOpenCamera:                  "RTCChannelOpenCamera",
	RTCChannelOpenCloseOtherMicrophone:    "RTCChannelOpenCloseOtherMicrophone",
	RTCChannelOpenCloseOtherCamera:        "RTCChannelOpenCloseOtherCamera",
	RTCChannelOpenCloseEveryoneMicrophone: "RTCChannelOpenCloseEveryoneMicrophone",
	RTCChannelOpenCloseEveryoneCamera:     "RTCChannelOpenCloseEveryoneCamera",
	RTCChannelOpenScreenShare:             "RTCChannelOpenScreenShare",
	RTCChannelCloseOtherScreenShare:       "RTCChannelCloseOtherScreenShare",
	ServerHandleApply:                     "ServerHandleApply",
	GetServerInviteApplyRecords:           "GetServerInviteApplyRecords",
	MentionRole:                           "MentionRole",
}

// String is the permission's name.
func (p Permission) String() string {
	if p < 1 || p > maxPermission {
		return fmt.Sprintf("Permission(%d)", uint8(p))
	}
	return permissionNames[p]
}

// ServerOnly tells whether the permission exists at the server level alone, so
// that no channel override may hold it.
func (p Permission) ServerOnly() bool {
	return slices.Contains([]Permission{ManageServer, UpdateMyInfo, InviteMember, KickMember,
		UpdateMemberInfo, BanServerMember, ServerHandleApply, GetServerInviteApplyRecords}, p)
}

// ParsePermission finds a permission by its name. The error lists the known names.
func ParsePermission(name string) (Permission, error) {
	if i := slices.Index(permissionNames[1:], name); i >= 0 {
		return Permission(i + 1), nil
	}
	return 0, fmt.Errorf("unknown permission %q; known: %s", name, strings.Join(permissionNames[1:], ", "))
}

// Permissions are all permissions in the order of their numbers.
func Permissions() []Permission {
	all := make([]Permission, maxPermission)
	for i := range all {
		all[i] = Permission(i + 1)
	}
	return all
}

// Mask is a set of permissions.
type Mask uint32

// MaskOf is the set of these permissions.
func MaskOf(permissions ...Permission) Mask {
	var m Mask
	for _, p := range permissions {
		m |= 1 << (p - 1)
	}
	return m
}

// Has tells whether p is in the set.
func (m Mask) Has(p Permission) bool { return m&(1<<(p-1)) != 0 }

// Permissions lists the set in the order of the numbers.
func (m Mask) Permissions() []Permission {
	var list []Permission
	for p := Permission(1); p <= maxPermission; p++ {
		if m.Has(p) {
			list = append(list, p)
		}
	}
	return list
}

// Grant is what one level says of each permission: allowed, denied, or, in
// neither set, inherited. Allow wins where a stored row holds both.
type Grant struct {
	Allow, Deny Mask
}
